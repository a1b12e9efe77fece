using System.Text.Json.Nodes;
using CsCheck;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Testing;
using MeshOperator.Xds.Rendering;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Shared;
using Shouldly;

namespace MeshOperator.Xds.Tests.Properties;

/// <summary>What holds of every mesh.</summary>
public sealed class TranslationProperties
{
    /// <summary>Bounded so that all properties together take some seconds. A failure names the seed that repeats it.</summary>
    private const int Iterations = 200;

    [Fact]
    public void Every_kind_of_policy_is_generated() => RandomPolicies.Generated.ShouldBe(PolicyKinds.All, ignoreOrder: true);

    [Fact]
    public void Everything_that_a_resource_names_is_there() =>
        RandomMesh.Snapshot.Sample(
            snapshot =>
            {
                var configuration = Translate(snapshot);
                var shared = new References();
                foreach (var type in Enum.GetValues<ResourceType>())
                    shared.Visit(ConfigurationJson.Shared(configuration, type));
                shared.Clusters.ShouldBeSubsetOf(Names(configuration, ResourceType.Cluster));
                shared.Routes.ShouldBeSubsetOf(Names(configuration, ResourceType.Route));
                Names(configuration, ResourceType.Route).Except(shared.Routes).ShouldBeSubsetOf(Unreachable(configuration));
                shared.EdsClusters.Order().ShouldBe(Names(configuration, ResourceType.Endpoints).Order());
                shared.Extensions.ShouldBeSubsetOf(Names(configuration, ResourceType.Extension));
                Names(configuration, ResourceType.Extension).Except(shared.Extensions).ShouldBeSubsetOf(Unreachable(configuration));
                foreach (var node in configuration.Nodes.Values.DistinctBy(node => node.Own))
                {
                    var own = new References();
                    foreach (var type in Enum.GetValues<ResourceType>())
                        own.Visit(ConfigurationJson.Own(configuration, node.Workload, type));
                    own.Clusters.ShouldBeSubsetOf(Names(configuration, ResourceType.Cluster).Concat(OwnNames(node, ResourceType.Cluster)));

                    // What no listener names a proxy would never acknowledge.
                    own.Routes.Order().ShouldBe(OwnNames(node, ResourceType.Route).Order());
                    own.Extensions.Order().ShouldBe(OwnNames(node, ResourceType.Extension).Order());
                    own.Secrets.Except([Translation.Shared.Names.IdentitySecret, Translation.Shared.Names.TrustBundleSecret])
                        .Order()
                        .ShouldBe(node.Own.Callers.Select(callers => callers.Name).Order());
                }
            },
            iter: Iterations
        );

    [Fact]
    public void No_two_resources_of_a_proxy_have_one_name_and_no_two_listeners_one_address() =>
        RandomMesh.Snapshot.Sample(
            snapshot =>
            {
                var configuration = Translate(snapshot);
                foreach (var type in Enum.GetValues<ResourceType>())
                {
                    var shared = Names(configuration, type);
                    shared.Distinct().Count().ShouldBe(shared.Length);
                    foreach (var own in configuration.Profiles.Values)
                    {
                        shared
                            .Concat(own[type].Items.ToArray().Select(r => r.Name))
                            .GroupBy(name => name)
                            .Where(group => group.Count() > 1)
                            .ShouldBeEmpty();
                    }
                }

                ConfigurationJson
                    .Shared(configuration, ResourceType.Listener)
                    .GroupBy(listener => listener!["address"]!.ToJsonString())
                    .Where(group => group.Count() > 1)
                    .ShouldBeEmpty();
            },
            iter: Iterations
        );

    [Fact]
    public void The_order_in_which_objects_are_known_changes_no_byte() =>
        Gen.Select(RandomMesh.Snapshot, Gen.Int)
            .Sample(
                (snapshot, order) => Text(Translate(snapshot.InOrder(order))).ShouldBe(Text(Translate(snapshot.InOrder(0)))),
                iter: Iterations
            );

    [Fact]
    public void The_verdicts_do_not_depend_on_the_order_in_which_objects_are_known() =>
        Gen.Select(RandomMesh.Snapshot, Gen.Int)
            .Sample(
                (snapshot, order) =>
                {
                    var verdicts = Translator.Translate(snapshot.InOrder(0)).Verdicts;
                    foreach (var (policy, verdict) in Translator.Translate(snapshot.InOrder(order)).Verdicts)
                        verdict.ShouldBe(verdicts[policy]);
                },
                iter: Iterations
            );

    [Fact]
    public void What_is_kept_of_earlier_translations_makes_no_difference() =>
        RandomMesh.History.Sample(
            history =>
            {
                var mesh = new MeshTranslator();
                var envoy = new EnvoyTranslator();
                foreach (var snapshot in history)
                {
                    var result = mesh.Translate(snapshot);
                    var fresh = Translator.Translate(snapshot);
                    result.Model.Services.Values.ShouldBe(fresh.Model.Services.Values);
                    result
                        .Model.Workloads.Values.OrderBy(w => w.Name.NodeId, StringComparer.Ordinal)
                        .ShouldBe(fresh.Model.Workloads.Values.OrderBy(w => w.Name.NodeId, StringComparer.Ordinal));
                    result
                        .Verdicts.OrderBy(v => v.Key.ToString(), StringComparer.Ordinal)
                        .ShouldBe(fresh.Verdicts.OrderBy(v => v.Key.ToString(), StringComparer.Ordinal));
                    FirstDifference(Text(envoy.Translate(result.Model)), Text(new EnvoyTranslator().Translate(fresh.Model))).ShouldBeNull();
                }
            },
            iter: Iterations
        );

    [Fact]
    public void Nothing_new_is_made_of_what_did_not_change() =>
        RandomMesh.History.Sample(
            history =>
            {
                var translator = new EnvoyTranslator();
                var before = translator.Translate(Translator.Translate(history[0]).Model);
                foreach (var snapshot in history.Skip(1))
                {
                    var after = translator.Translate(Translator.Translate(snapshot).Model);
                    foreach (var (set, old) in after.Shared.Zip(before.Shared))
                    {
                        foreach (var resource in set.Items)
                            if (old.Find(resource.Name) is { } same && same.Version == resource.Version)
                                resource.ShouldBeSameAs(same);
                    }

                    before = after;
                }
            },
            iter: Iterations
        );

    [Fact]
    public void A_backend_gets_the_share_that_its_weight_says_and_missing_ones_theirs() =>
        RandomMesh.Snapshot.Sample(
            snapshot =>
            {
                var model = Translator.Translate(snapshot).Model;
                var configuration = new EnvoyTranslator().Translate(model);
                var listeners = ConfigurationJson.Shared(configuration, ResourceType.Listener);
                var routes = ConfigurationJson.Shared(configuration, ResourceType.Route);
                foreach (var port in model.Services.Values.SelectMany(service => service.Ports))
                {
                    var name = Translation.Shared.Names.Outbound(port.Service, port.Port);
                    foreach (
                        var (configured, http) in routes
                            .Where(r => Concerns(port, r!))
                            .SelectMany(r => port.Routes.Select(http => (r!, http)))
                    )
                    {
                        var wanted = Shares.Wanted(http.Backends, Shares.Missing);
                        if (http.Pool is { } pool)
                            wanted = new()
                            {
                                [Translation.Shared.Names.Pool(port.Service, port.Port, pool)] =
                                    1 - wanted.GetValueOrDefault(Shares.Missing),
                                [Shares.Missing] = wanted.GetValueOrDefault(Shares.Missing),
                            };
                        Shares.ForRequests(configured, http.Name).ShouldAllBe(shares => Shares.AreNear(shares, wanted));
                    }

                    foreach (var tcp in Shares.ForConnections(listeners.Where(l => Concerns(port, l!))))
                        Shares.AreNear(tcp, Shares.Wanted(port.TcpBackends, Translation.Shared.Names.Blackhole)).ShouldBeTrue();
                }
            },
            iter: Iterations
        );

    [Fact]
    public void A_backends_endpoints_have_its_share_of_a_sticky_pool() =>
        RandomMesh.Snapshot.Sample(
            snapshot =>
            {
                var model = Translator.Translate(snapshot).Model;
                var assignments = ConfigurationJson
                    .Shared(new EnvoyTranslator().Translate(model), ResourceType.Endpoints)
                    .ToDictionary(a => (string)a!["cluster_name"]!, a => a!);
                var ports = model
                    .Services.Values.SelectMany(service => service.Ports)
                    .ToDictionary(port => new BackendTarget(port.Service, port.Port));
                foreach (
                    var (port, http) in ports.Values.SelectMany(port => port.Routes.Where(r => r.Pool is not null).Select(r => (port, r)))
                )
                {
                    var shares = Shares.OfEndpoints(assignments[Translation.Shared.Names.Pool(port.Service, port.Port, http.Pool!)]);
                    var backends = http
                        .Backends.Where(b => b is { Target: not null, Weight: > 0 } && Taking(ports[b.Target]).Any())
                        .ToList();
                    var total = backends.Sum(b => (double)b.Weight);

                    // One endpoint may serve several backends, whose shares it then has all.
                    foreach (var together in backends.GroupBy(b => b.Target!))
                    {
                        var own = Taking(ports[together.Key]).Select(e => (e.Address, e.Port)).ToList();
                        var others = backends
                            .Where(b => b.Target != together.Key)
                            .SelectMany(b => Taking(ports[b.Target!]))
                            .Select(e => (e.Address, e.Port))
                            .ToHashSet();
                        if (!own.Exists(others.Contains))
                            own.Sum(e => shares[e]).ShouldBe(together.Sum(b => b.Weight) / total, 0.001);
                    }

                    shares.Keys.ShouldBe(
                        backends.SelectMany(b => Taking(ports[b.Target!])).Select(e => (e.Address, e.Port)).Distinct(),
                        ignoreOrder: true
                    );
                }
            },
            iter: Iterations
        );

    /// <summary>The endpoints that take new clients; those that drain only keep the ones that they have.</summary>
    private static IEnumerable<MeshEndpoint> Taking(MeshServicePort port) => port.Endpoints.Where(endpoint => !endpoint.IsDraining);

    /// <summary>Whether a route configuration or listener is a service port's.</summary>
    private static bool Concerns(MeshServicePort port, JsonNode resource)
    {
        var name = Translation.Shared.Names.Outbound(port.Service, port.Port);
        return (string)resource["name"]! is var found && (found == name || found.StartsWith($"{name}/", StringComparison.Ordinal));
    }

    /// <summary>The routes of ports of which some listener is left out, as its address is another's, and of those that have none.</summary>
    private static IEnumerable<string> Unreachable(EnvoyConfiguration configuration)
    {
        var reachable = Names(configuration, ResourceType.Listener).ToHashSet();
        return configuration
            .ServicePorts.Values.Where(port =>
                port.Listeners.Count == 0 || port.Listeners.Any(listener => !reachable.Contains(listener.Listener.Name))
            )
            .SelectMany(port => port.Routes.Concat(port.Extensions).Select(resource => resource.Name));
    }

    private static EnvoyConfiguration Translate(ClusterSnapshot snapshot) =>
        new EnvoyTranslator().Translate(Translator.Translate(snapshot).Model);

    private static IEnumerable<string> OwnNames(NodeEntry node, ResourceType type) =>
        node.Own[type].Items.ToArray().Select(resource => resource.Name);

    private static string[] Names(EnvoyConfiguration configuration, ResourceType type) =>
        [.. configuration.Shared[(int)type].Items.ToArray().Select(r => r.Name)];

    /// <summary>Everything that is served and to whom, with versions, which are hashes of the bytes; and by which resources policies are
    /// known.</summary>
    /// <summary>The first line in which two texts differ; whole ones are too long to be read in a message.</summary>
    private static string? FirstDifference(string kept, string fresh) =>
        kept.Split('\n')
            .Zip(fresh.Split('\n'))
            .Select((pair, line) => pair.First == pair.Second ? null : $"line {line}: {pair.First} instead of {pair.Second}")
            .FirstOrDefault(difference => difference is not null)
        ?? (kept == fresh ? null : "one has lines more");

    private static string Text(EnvoyConfiguration configuration) =>
        string.Join(
            '\n',
            [
                configuration.TrustDomain,
                .. Sets(configuration.Shared),
                .. Sets(configuration.Proxyless.Value.Shared),
                .. configuration
                    .Scopes.OrderBy(scope => scope.Key.ToString(), StringComparer.Ordinal)
                    .SelectMany(scope => Sets(scope.Value).Prepend(scope.Key.ToString())),
                .. configuration
                    .Nodes.OrderBy(n => n.Key.NodeId, StringComparer.Ordinal)
                    .Select(n =>
                        $"{n.Key} {n.Value.Identity} "
                        + $"{string.Join(' ', Sets([.. Enum.GetValues<ResourceType>().Select(type => n.Value.Own[type])]))} "
                        + $"{string.Join(' ', n.Value.Own.Callers.Select(c => c.Id))} {n.Value.Scope} {n.Value.Members.Version}"
                    ),
                .. configuration.Policies.Select(p => $"{p.Key}: {string.Join(' ', p.Value)}").Order(StringComparer.Ordinal),
                .. configuration.InboundPolicies.Select(p => p.ToString()).Order(StringComparer.Ordinal),
            ]
        );

    private static IEnumerable<string> Sets(IReadOnlyList<ResourceSet> sets) =>
        sets.SelectMany(set => set.Items.ToArray().Select(r => r.ToString()).Prepend(set.Version));
}
