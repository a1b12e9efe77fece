using System.Text.Json.Nodes;
using MeshOperator.Api.Authorities;
using MeshOperator.IntegrationTests.Identity;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Listeners;
using MeshOperator.Replicas;
using MeshOperator.Testing;
using Shouldly;
using Xunit;
using Fault = MeshOperator.LocalCluster.Faults.Fault;

namespace MeshOperator.IntegrationTests.Faults;

/// <summary>The API server is away for all replicas, for longer than certificates live before they are renewed. On an API server of its own
/// in this process.</summary>
public sealed class SilentApiServerTests
{
    /// <summary>A fifth of the shortest lifetime, and what is added at random.</summary>
    private static readonly TimeSpan RenewedWithin = TimeSpan.FromMinutes(6);

    [Fact]
    public async Task Proxies_keep_their_streams_and_get_renewed_certificates_while_no_replica_reaches_the_API_server()
    {
        Assert.SkipWhen(
            !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("MESH_TEST_KUBECONFIG")),
            "it takes minutes, and has an API server of its own wherever the others run: it runs with them where there is no real one"
        );
        await using var cluster = await TestCluster.StartLocalAsync();
        await using var first = await TestOperator.StartAsync(
            cluster,
            o => o with { ElectionIdentity = "first", OwnWebhookConfigurations = false }
        );
        await using var second = await first.StartAnotherAsync(o => o with { ElectionIdentity = "second" });
        await using var ns = await TestNamespace.CreateAsync(cluster);
        await Eventually.Succeeds(() => ShortenAsync(cluster, first.Namespace));
        TestOperator[] replicas = [first, second];
        var serving = new Queue<TestOperator>(replicas);
        await using var proxies = new MeshProxies(
            cluster,
            ns,
            first.Host.TrustBundle,
            () => serving.Dequeue().Host.Ports[ListenerKind.TlsXds].Port
        );
        SimulatedProxy[] both = [await proxies.StartAsync("web-0"), await proxies.StartAsync("web-1")];
        await Eventually.Succeeds(() => both.ShouldAllBe(proxy => Lifetime(proxy) < TimeSpan.FromHours(1)));
        await Eventually.Succeeds(() => replicas.ShouldAllBe(replica => Peers(replica).Current.Replicas.Count == 1));
        var serials = both.Select(Serial).ToList();

        using (cluster.Faults.Order(Fault.Reset with { Times = int.MaxValue }))
        {
            cluster.Faults.Strike(Fault.ResetWatch);
            await Eventually.Succeeds(() => both.Select(Serial).Intersect(serials).ShouldBeEmpty(), RenewedWithin);
            both.ShouldAllBe(proxy => proxy.Streams == 1);
            replicas.ShouldAllBe(replica => !((Isolation)replica.Host.Services.GetService(typeof(Isolation))!).IsCutOff);
            replicas.ShouldAllBe(replica => Peers(replica).Current.Replicas.Count == 1);
        }

        await ns.ServiceAsync("model", root: true);
        await ns.SplitAsync("model", "model", ("gone", 1));
        await Eventually.Succeeds(
            async () =>
                (
                    await cluster
                        .Entities<Api.Policies.TrafficSplit>()
                        .GetAsync(new ObjectKey(ns.Name, "model"), TestContext.Current.CancellationToken)
                )!.Status.ShouldNotBeNull(),
            TimeSpan.FromSeconds(60)
        );
    }

    private static Task<MeshCertificateAuthority> ShortenAsync(TestCluster cluster, string name) =>
        cluster
            .Entities<MeshCertificateAuthority>()
            .MergePatchAsync(
                new ObjectKey(string.Empty, name),
                (JsonObject)JsonNode.Parse("""{"spec":{"leafTTL":"10m","renewAt":0.2}}""")!,
                TestContext.Current.CancellationToken
            );

    private static ReplicaPeers Peers(TestOperator replica) => (ReplicaPeers)replica.Host.Services.GetService(typeof(ReplicaPeers))!;

    private static TimeSpan Lifetime(SimulatedProxy proxy) =>
        proxy.Current.ShouldNotBeNull().Certificate.NotAfter - proxy.Current!.Certificate.NotBefore;

    private static string Serial(SimulatedProxy proxy) => proxy.Current!.Certificate.SerialNumber;
}
