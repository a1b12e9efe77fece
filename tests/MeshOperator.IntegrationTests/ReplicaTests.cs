using System.Diagnostics;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Envoy.Config.Listener.V3;
using Envoy.Service.Discovery.V3;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Listeners;
using MeshOperator.Mesh.Model;
using MeshOperator.Pipeline;
using MeshOperator.Replicas;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

/// <summary>Several replicas of the operator: every decision that is taken from proxies counts those of all.</summary>
public sealed class ReplicaTests(TestCluster cluster)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_policy_counts_the_proxies_of_all_replicas_and_names_who_rejects_it_on_another()
    {
        await using var pair = await PairAsync();
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0", "caller-1", "caller-2");
        await using var first = await scene.AcknowledgeAsync(pair.Leader, "caller-0");
        await using var second = await scene.AcknowledgeAsync(pair.Other, "caller-1");
        await scene.EventuallyAsync(
            SplitScene.Programmed(
                "False",
                "PartiallyProgrammed",
                "2/3",
                $"2 of 3 proxies have acknowledged; not connected: {scene.Name}/caller-2"
            )
        );

        await using var third = pair.Other.Connect($"caller-2.{scene.Name}");
        await third.SubscribeAsync(ResourceType.Route, $"outbound/80/model.{scene.Name}");
        var response = await third.NextAsync();
        await third.RejectAsync(response, "no such field");
        await scene.EventuallyAsync(
            SplitScene.Programmed(
                "False",
                "PartiallyProgrammed",
                "2/3",
                $"caller-2.{scene.Name} rejected outbound/80/model.{scene.Name}: no such field"
            )
        );
        await scene.Namespace.SplitAsync("model", "model", ("model-v1", 50), ("model-v2", 50));
        foreach (var proxy in new[] { first, second, third })
            await proxy.AcknowledgeAsync(await proxy.NextAsync());
        await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "3/3", "All 3 of 3"));
        (await scene.SplitAsync()).Status!.ObservedGeneration.ShouldBe(2);
    }

    [Fact]
    public async Task A_replica_of_another_version_counts_by_the_generation_that_it_serves()
    {
        await using var pair = await PairAsync(otherVersion: "0.0.1-earlier");
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0", "caller-1");
        await using var first = await scene.AcknowledgeAsync(pair.Leader, "caller-0");
        await using var second = await scene.AcknowledgeAsync(pair.Other, "caller-1");
        await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "2/2", "All 2 of 2"));

        await scene.Namespace.SplitAsync(SplitScene.Split, "model", ("model-v1", 50), ("model-v2", 50));
        await first.AcknowledgeAsync(await first.NextAsync());
        await scene.EventuallyAsync(split =>
        {
            split.Status!.ObservedGeneration.ShouldBe(2);
            SplitScene.Programmed("False", "PartiallyProgrammed", "1/2", "1 of 2 proxies have acknowledged")(split);
        });
        await second.AcknowledgeAsync(await second.NextAsync());
        await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "2/2", "All 2 of 2"));
    }

    [Fact]
    public async Task A_proxy_that_moves_to_another_replica_is_neither_counted_twice_nor_forgotten()
    {
        await using var pair = await PairAsync();
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0", "caller-1");
        await using var staying = await scene.AcknowledgeAsync(pair.Leader, "caller-0");
        var moving = await scene.AcknowledgeAsync(pair.Leader, "caller-1");
        await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "2/2", "All 2 of 2"));
        await using var writes = new Faults.WatchedWrites(
            cluster.Transport,
            $"apis/meshoperator.io/v1alpha1/namespaces/{scene.Name}/trafficsplits"
        );

        foreach (var next in new[] { pair.Other, pair.Leader, pair.Other })
        {
            // It may be on both for a moment, or on none.
            var moved = await scene.AcknowledgeAsync(next, "caller-1");
            await moving.DisposeAsync();
            moving = moved;
        }

        await scene.Namespace.SplitAsync("model", "model", ("model-v1", 50), ("model-v2", 50));
        await staying.AcknowledgeAsync(await staying.NextAsync());
        await moving.AcknowledgeAsync(await moving.NextAsync());
        await scene.EventuallyAsync(split =>
        {
            split.Status!.ObservedGeneration.ShouldBe(2);
            SplitScene.Programmed("True", "Programmed", "2/2", "All 2 of 2")(split);
        });
        await moving.DisposeAsync();
        foreach (var write in writes.All.Where(write => write.Object["status"] is not null))
            ((string?)write.Object["status"]!["proxies"]!["summary"]).ShouldEndWith("/2");
    }

    [Fact]
    public async Task When_the_leader_stops_its_proxies_come_to_the_other_and_no_status_is_taken_back()
    {
        await using var pair = await PairAsync();
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0", "caller-1");
        var first = await scene.AcknowledgeAsync(pair.Leader, "caller-0");
        await using var second = await scene.AcknowledgeAsync(pair.Other, "caller-1");
        await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "2/2", "All 2 of 2"));
        var before = await scene.SplitAsync();

        await first.SubscribeAsync(ResourceType.Cluster);
        var ended = EndAsync(first);
        await pair.Leader.StopAsync();
        // With the drain's status or, on a busy machine, with the end of the connection that comes behind it.
        (await ended).ShouldMatch("The operator is shutting down; reconnect|The HTTP/2 server closed the connection");
        await using var back = await scene.AcknowledgeAsync(pair.Other, "caller-0");
        await scene.Namespace.SplitAsync("other", "model-v1", ("model-v2", 1));
        foreach (var proxy in new[] { second, back })
            await proxy.AcknowledgeAsync(await proxy.NextAsync());
        await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "2/2", "All 2 of 2"), "other");
        (await scene.SplitAsync()).Metadata.ResourceVersion.ShouldBe(before.Metadata.ResourceVersion);
        await first.DisposeAsync();
    }

    [Theory]
    [InlineData(true, null)]
    [InlineData(false, null)]
    [InlineData(true, "0.0.1-earlier")]
    public async Task A_change_of_mode_waits_for_the_server_and_the_client_on_whichever_replica_they_are(
        bool serverIsAtLeader,
        string? otherVersion
    )
    {
        await using var pair = await PairAsync(injects: true, otherVersion);
        var (serving, calling) = serverIsAtLeader ? (pair.Leader, pair.Other) : (pair.Other, pair.Leader);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await PlaintextApiAsync(pair, ns);

        var endpoints = $"outbound/80/api.{ns.Name}";
        await using var server = serving.Connect($"api-0.{ns.Name}");
        await using var client = calling.Connect($"gateway-0.{ns.Name}");
        await server.SubscribeAsync(ResourceType.Listener);
        await server.AcknowledgeAsync(await NextAsync(server, "inbound"));
        await client.FetchAsync(ResourceType.Cluster);
        await client.FetchAsync(ResourceType.Endpoints, endpoints);

        await ns.ApplyModeAsync("Strict");
        var open = await NextAsync(server, "inbound");
        ModeResources.Chains(open).ShouldBe(["mtls", "plaintext", "tls"]);
        // The server has not answered: its clients, on the other replica, must not move.
        await ns.ServiceAsync("other", root: true);
        (await client.NextAsync()).Resources.ShouldHaveSingleItem().Name.ShouldBe($"outbound/80/other.{ns.Name}");

        await server.AcknowledgeAsync(open);
        await server.FetchNamedAsync(Listener.Parser.ParseFrom(open.Resources.Single(r => r.Name == "inbound").Resource_.Value));
        var trusting = await client.NextAsync();
        trusting.Resources.ShouldHaveSingleItem().Name.ShouldBe(endpoints);
        await client.AcknowledgeAsync(trusting);
        var moved = await NextAsync(client, endpoints);
        ModeResources.TakeMtls(moved).ShouldBeTrue();
        Pipeline(serving).Served!.Workloads[new WorkloadName(ns.Name, "api-0")].Inbound.DefaultMode.ShouldBe(MtlsMode.Permissive);
        await client.AcknowledgeAsync(moved);
        ModeResources.Chains(await NextAsync(server, "inbound")).ShouldBe(["mtls"]);
    }

    [Fact]
    public async Task A_replica_that_starts_amid_a_change_of_mode_goes_on_from_where_it_is()
    {
        await using var pair = await PairAsync(injects: true);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await PlaintextApiAsync(pair, ns);
        var api = new WorkloadName(ns.Name, "api-0");
        await using var server = pair.Leader.Connect(api.NodeId);
        await server.SubscribeAsync(ResourceType.Listener);
        await server.AcknowledgeAsync(await NextAsync(server, "inbound"));
        await ns.ApplyModeAsync("Strict");
        ModeResources.Chains(await NextAsync(server, "inbound")).ShouldBe(["mtls", "plaintext", "tls"]);
        await Eventually.Succeeds(async () =>
            (await cluster.Entities<V1Lease>().GetAsync(new ObjectKey(pair.Leader.Namespace, "mesh-operator-modes"), Cancellation))
                .ShouldNotBeNull()
                .Metadata.Annotations["meshoperator.io/modes"]
                .ShouldContain("* > ")
        );

        await using var third = await pair.Leader.StartAnotherAsync(o => o with { ElectionIdentity = "third" });
        Pipeline(third).Served!.Workloads[api].Inbound.DefaultMode.ShouldBe(MtlsMode.Permissive);
        Pipeline(third).Wanted!.Model.Workloads[api].Inbound.DefaultMode.ShouldBe(MtlsMode.Strict);
    }

    [Fact]
    public async Task The_leader_puts_right_what_somebody_has_changed_of_what_it_wrote_down_of_modes()
    {
        await using var pair = await PairAsync(injects: true);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await PlaintextApiAsync(pair, ns);
        var leases = cluster.Entities<V1Lease>();
        var key = new ObjectKey(pair.Leader.Namespace, "mesh-operator-modes");
        var written = string.Empty;
        await Eventually.Succeeds(async () => (written = await ReadAsync()).ShouldContain(ns.Name));

        await leases.MergePatchAsync(
            key,
            (JsonObject)JsonNode.Parse("""{"metadata": {"annotations": {"meshoperator.io/modes": "{}"}}}""")!,
            Cancellation
        );
        await Eventually.Succeeds(async () => (await ReadAsync()).ShouldBe(written));

        async Task<string> ReadAsync() =>
            (await leases.GetAsync(key, Cancellation)).ShouldNotBeNull().Metadata.Annotations["meshoperator.io/modes"];
    }

    [Fact]
    public async Task A_replica_reports_at_most_twice_a_second_however_much_changes()
    {
        const int changes = 50;
        await using var pair = await PairAsync();
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0", "caller-1");
        await using var first = await scene.AcknowledgeAsync(pair.Leader, "caller-0");
        await using var second = await scene.AcknowledgeAsync(pair.Other, "caller-1");
        await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "2/2", "All 2 of 2"));
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var clock = Stopwatch.StartNew();
        var counting = CountReportsAsync(pair.Other, end.Token);

        for (var i = 1; i <= changes; i++)
        {
            await scene.Namespace.SplitAsync(SplitScene.Split, "model", ("model-v1", 90), ("model-v2", 10 + i));
            foreach (var proxy in new[] { first, second })
                await proxy.AcknowledgeAsync(await proxy.NextAsync());
        }

        await scene.EventuallyAsync(split => split.Status!.ObservedGeneration.ShouldBe(changes + 1));
        await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "2/2", "All 2 of 2"));
        await end.CancelAsync();
        var reports = await counting;
        reports.ShouldBeGreaterThan(1);
        // The first one is all that there is to say.
        reports.ShouldBeLessThanOrEqualTo(1 + (int)(2 * clock.Elapsed.TotalSeconds));
        reports.ShouldBeLessThan(changes);
    }

    [Fact]
    public async Task Replicas_answer_nobody_but_replicas()
    {
        await using var pair = await PairAsync(injects: true);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web");
        var secrets = await ProxySecrets.FetchAsync(cluster, pair.Leader, ns, "web-0");
        using var workload = X509Certificate2.CreateFromPem(secrets.Chain, secrets.Key);
        using var usable = X509CertificateLoader.LoadPkcs12(workload.Export(X509ContentType.Pkcs12), null);
        var port = pair.Other.Host.Ports[ListenerKind.Replicas].Port;
        foreach (var certificate in new[] { null, usable })
        {
            var answer = await Should.ThrowAsync<HttpRequestException>(() => AskAsync(port, certificate));
            answer.StatusCode.ShouldBeNull();
        }
    }

    /// <summary>Reads the report of a replica as another replica does, and counts its lines.</summary>
    private static async Task<int> CountReportsAsync(TestOperator replica, CancellationToken end)
    {
        var tls = (ReplicaTls)replica.Host.Services.GetService(typeof(ReplicaTls))!;
        using var client = Http2(tls.Client());
        var path = new Uri($"https://127.0.0.1:{replica.Host.Ports[ListenerKind.Replicas].Port}{ReplicaEndpoints.ReportPath}");
        var count = 0;
        try
        {
            using var reader = new StreamReader(await client.GetStreamAsync(path, end));
            while (await reader.ReadLineAsync(end) is not null)
                count++;
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested) { }

        return count;
    }

    private static HttpClient Http2(SslClientAuthenticationOptions tls) =>
        new(new SocketsHttpHandler { SslOptions = tls })
        {
            DefaultRequestVersion = new Version(2, 0),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

    private static async Task AskAsync(int port, X509Certificate2? certificate)
    {
        var tls = new SslClientAuthenticationOptions
        {
            EnabledSslProtocols = SslProtocols.Tls13,
            ClientCertificates = certificate is null ? null : [certificate],
            RemoteCertificateValidationCallback = (_, peer, _, _) =>
                peer is X509Certificate2 replica && replica.MatchesHostname("localhost"),
        };
        using var client = Http2(tls);
        await client.GetStringAsync(new Uri($"https://127.0.0.1:{port}{ReplicaEndpoints.ContactPath}"), Cancellation);
    }

    /// <summary>The service <c>api</c>, which takes no mutual TLS, and its caller <c>gateway</c>, as all replicas know them in full. The
    /// pods come to a policy that is there, so that nothing leads to its mode in steps, and nothing of this is sent to a proxy
    /// later.</summary>
    private static async Task PlaintextApiAsync(Pair pair, TestNamespace ns)
    {
        await ns.ApplyModeAsync("Disabled");
        foreach (var replica in pair.All)
        {
            await Eventually.Succeeds(() =>
                Pipeline(replica).Wanted!.Verdicts.ShouldContainKey(new PolicyKey(nameof(MtlsPolicy), ns.Name, "api"))
            );
        }

        await ns.ServiceAsync("gateway");
        await ns.ServiceAsync("api");
        foreach (var replica in pair.All)
        {
            await Eventually.Succeeds(() =>
            {
                var served = Pipeline(replica).Served.ShouldNotBeNull();
                var inbound = served.Workloads[new WorkloadName(ns.Name, "api-0")].Inbound;
                inbound.DefaultMode.ShouldBe(MtlsMode.Disabled);
                inbound.Ports.ShouldHaveSingleItem().Mode.ShouldBe(MtlsMode.Disabled);
                served.Workloads.ShouldContainKey(new WorkloadName(ns.Name, "gateway-0"));
                foreach (var service in new[] { "gateway", "api" })
                    served.Services[new ServiceName(ns.Name, service)].Ports.ShouldHaveSingleItem().Endpoints.ShouldHaveSingleItem();
            });
        }
    }

    private static MeshPipeline Pipeline(TestOperator replica) => (MeshPipeline)replica.Host.Services.GetService(typeof(MeshPipeline))!;

    /// <summary>Reads a stream to its end.</summary>
    private static async Task<string> EndAsync(DeltaClient client)
    {
        try
        {
            while (true)
                await client.NextAsync();
        }
        catch (Grpc.Core.RpcException e)
        {
            return e.Status.Detail;
        }
    }

    private static async Task<DeltaDiscoveryResponse> NextAsync(DeltaClient client, string resource)
    {
        while (true)
        {
            var response = await client.NextAsync();
            if (response.Resources.Any(r => r.Name == resource && response.TypeUrl != ResourceType.Cluster.Url()))
                return response;
            await client.AcknowledgeAsync(response);
        }
    }

    [Fact]
    public async Task Replica_is_asked_once_though_a_dead_one_is_on_record_with_its_address()
    {
        await using var pair = await PairAsync();
        var leases = cluster.Entities<V1Lease>();
        var present = (await leases.ListAsync(Cancellation)).Where(lease => lease.Spec?.HolderIdentity == "second");
        var address = present.Single(lease => lease.Metadata.NamespaceProperty == pair.Leader.Namespace).Metadata.Annotations[
            ReplicaLeases.AddressAnnotation
        ];

        await RecordAsync("dead", address);
        await RecordAsync("elsewhere", "127.0.0.1:1");

        // Who does not answer is known when both records were looked at.
        var peers = (ReplicaPeers)pair.Leader.Host.Services.GetService(typeof(ReplicaPeers))!;
        await Eventually.Succeeds(() => peers.Current.Silent.ShouldBe(["elsewhere"]));
        peers.Current.Replicas.ShouldHaveSingleItem().Name.ShouldBe("second");

        Task RecordAsync(string holder, string where) =>
            leases.CreateAsync(
                new V1Lease
                {
                    Metadata = new V1ObjectMeta
                    {
                        Name = $"mesh-operator-replica-{holder}",
                        NamespaceProperty = pair.Leader.Namespace,
                        Labels = new Dictionary<string, string> { [Api.MeshNames.ReplicaReportLabel] = "true" },
                        Annotations = new Dictionary<string, string> { [ReplicaLeases.AddressAnnotation] = where },
                    },
                    Spec = new V1LeaseSpec
                    {
                        HolderIdentity = holder,
                        RenewTime = TimeProvider.System.GetUtcNow().AddMinutes(-1).UtcDateTime,
                        LeaseDurationSeconds = 15,
                    },
                },
                Cancellation
            );
    }

    private async Task<Pair> PairAsync(bool injects = false, string? otherVersion = null)
    {
        var leader = await TestOperator.StartAsync(cluster, o => o with { ElectionIdentity = "first", OwnWebhookConfigurations = injects });
        var leadership = leader.Host.Services.GetService(typeof(Kubernetes.LeaderElection.ILeadership));
        await Eventually.Succeeds(() => ((Kubernetes.LeaderElection.ILeadership)leadership!).IsLeader.ShouldBeTrue());
        var other = await leader.StartAnotherAsync(o =>
            o with
            {
                ElectionIdentity = "second",
                OwnWebhookConfigurations = false,
                Version = otherVersion ?? o.Version,
            }
        );
        var pair = new Pair(leader, other);
        foreach (var replica in pair.All)
        {
            var peers = (ReplicaPeers)replica.Host.Services.GetService(typeof(ReplicaPeers))!;
            await Eventually.Succeeds(() => peers.Current.Replicas.ShouldHaveSingleItem());
        }

        return pair;
    }

    /// <param name="Leader">The one that writes.</param>
    /// <param name="Other">The other one.</param>
    private sealed record Pair(TestOperator Leader, TestOperator Other) : IAsyncDisposable
    {
        public TestOperator[] All => [Leader, Other];

        public async ValueTask DisposeAsync()
        {
            await Other.DisposeAsync();
            await Leader.DisposeAsync();
        }
    }
}
