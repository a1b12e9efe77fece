using k8s.Models;
using MeshOperator.Authority;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Controllers;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Identity;

public sealed class AuthorityFollowerTests(TestCluster cluster)
{
    [Fact]
    public async Task A_step_that_was_seen_before_the_replica_follows_is_taken_when_it_begins()
    {
        await using var ns = await TestNamespace.CreateAsync(cluster);
        var (time, options) = (TimeProvider.System, new OperatorOptions { Namespace = ns.Name });
        var secrets = new AuthoritySecrets(cluster.Entities<V1Secret>(), options);
        using var signer = CertificateAuthority.CreateSelfSigned(options.TrustDomain, time);
        using var next = CertificateAuthority.CreateSelfSigned(options.TrustDomain, time);
        var loaded = AuthorityState.Create(signer.Files, time.GetUtcNow());
        await secrets.WriteStateAsync(loaded.Begin(next.Files, time), null, TestContext.Current.CancellationToken);

        var informer = new SharedInformer<V1Secret>(
            cluster.Transport,
            new InformerOptions<V1Secret> { Namespace = ns.Name },
            time,
            new Random(1),
            NullLogger<SharedInformer<V1Secret>>.Instance
        );
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var running = informer.RunAsync(stop.Token);
        await informer.WaitForSyncAsync(stop.Token);
        var authority = new MeshAuthority(loaded, time);
        var follower = new AuthorityFollower(
            authority,
            secrets,
            informer,
            new ControllerRequeue<V1Namespace>(),
            new ControllerRequeue<V1MutatingWebhookConfiguration>(),
            new ControllerRequeue<V1ValidatingWebhookConfiguration>(),
            NullLogger<AuthorityFollower>.Instance
        );
        await follower.StartAsync(stop.Token);
        authority.State.Phase.ShouldBe(RotationPhase.DistributingTrust);

        await follower.StopAsync(stop.Token);
        await stop.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
    }
}
