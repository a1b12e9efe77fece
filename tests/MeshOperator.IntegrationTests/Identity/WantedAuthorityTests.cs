using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Authority;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Identity;

public sealed class WantedAuthorityTests(TestCluster cluster)
{
    [Theory]
    [InlineData("first", false, false)]
    [InlineData("second", false, true)]
    [InlineData("first", true, true)]
    [InlineData("second", true, true)]
    public async Task A_Secret_that_is_gone_is_put_back_unless_a_new_root_is_asked_for_or_the_operator_is_to_make_one(
        string asked,
        bool selfSigned,
        bool isNew
    )
    {
        await using var ns = await TestNamespace.CreateAsync(cluster);
        var options = new OperatorOptions { Namespace = ns.Name };
        var secrets = new AuthoritySecrets(cluster.Entities<V1Secret>(), options);
        var wanted = new WantedAuthority(secrets, options, TimeProvider.System, NullLogger<WantedAuthority>.Instance);
        using var signer = CertificateAuthority.CreateSelfSigned(options.TrustDomain, TimeProvider.System);
        var state = AuthorityState.Create(signer.Files, TimeProvider.System.GetUtcNow());
        var settings = new MeshCertificateAuthority
        {
            Metadata = new V1ObjectMeta { Annotations = new Dictionary<string, string> { [MeshNames.RotateAnnotation] = asked } },
            Spec = new MeshCertificateAuthoritySpec
            {
                Provider = selfSigned ? new CertificateAuthorityProvider { SelfSigned = new SelfSignedProvider() } : null,
            },
            Status = new MeshCertificateAuthorityStatus { LastRotation = "first" },
        };

        var found = await wanted.FindAsync(settings, state, TestContext.Current.CancellationToken);
        (found.IsOwn, found.LastRotation, found.Refusal).ShouldBe((true, asked, null));
        (found.Files != signer.Files).ShouldBe(isNew);
        // Once and not again.
        (await wanted.FindAsync(settings, state, TestContext.Current.CancellationToken)).Files.ShouldBe(found.Files);
    }
}
