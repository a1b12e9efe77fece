using System.Security.Cryptography.X509Certificates;
using System.Text;
using CsCheck;
using Envoy.Extensions.TransportSockets.Tls.V3;
using MeshOperator.Mesh.Translation;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using Shouldly;

namespace MeshOperator.Xds.Tests.Properties;

public sealed class SecretProperties
{
    private static readonly Gen<string> SecretNames = Gen.Select(
        RandomNames.Namespaces,
        RandomNames.Services,
        Gen.Int[0, 6],
        (ns, name, kind) =>
            kind switch
            {
                0 => "identity",
                1 => "trust-bundle",
                2 => $"spiffe://cluster.local/ns/{ns}/sa/{name}",
                3 => $"{name}.{ns}",
                4 => $"identity/{name}",
                5 => "default",
                _ => "ROOTCA",
            }
    );

    [Fact]
    public async Task A_proxy_gets_its_own_identity_and_the_trust_bundle_whatever_it_asks_for()
    {
        await using var server = await XdsTestServer.StartAsync(withConfiguration: false);
        await Gen.Select(RandomMesh.Snapshot, SecretNames.Array[1, 5])
            .SampleAsync(
                async (snapshot, names) =>
                {
                    var model = Translator.Translate(snapshot).Model;
                    server.Update(model);
                    foreach (var workload in model.Workloads.Values.OrderBy(w => w.Name.NodeId, StringComparer.Ordinal).Take(2))
                    {
                        await using var client = new DeltaClient(server.Connect(), workload.Name.NodeId);
                        var response = await client.FetchAsync(ResourceType.Secret, [.. names, "trust-bundle"]);
                        response
                            .Resources.Select(r => r.Name)
                            .ShouldBe(names.Append("trust-bundle").Intersect(["identity", "trust-bundle"]), ignoreOrder: true);
                        response.RemovedResources.ShouldBe(names.Except(["identity", "trust-bundle"]), ignoreOrder: true);
                        foreach (
                            var secret in response
                                .Resources.Select(r => Secret.Parser.ParseFrom(r.Resource_.Value))
                                .Where(s => s.TlsCertificate is not null)
                        )
                            ReadIdentity(secret).ShouldBe(workload.Identity);
                    }
                },
                iter: 60,
                threads: 1
            );
    }

    private static string ReadIdentity(Secret secret)
    {
        using var leaf = X509Certificate2.CreateFromPem(Encoding.ASCII.GetString(secret.TlsCertificate.CertificateChain.InlineBytes.Span));
        var uri = leaf.Extensions.First(e => e.Oid!.Value == "2.5.29.17").Format(multiLine: false);
        return uri[(uri.IndexOf("spiffe:", StringComparison.Ordinal))..].Trim();
    }
}
