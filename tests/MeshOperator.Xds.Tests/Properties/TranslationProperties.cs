using CsCheck;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Testing;
using MeshOperator.Xds.Rendering;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;
using Shouldly;

namespace MeshOperator.Xds.Tests.Properties;

/// <summary>What holds of every mesh.</summary>
public sealed class TranslationProperties
{
    /// <summary>Bounded so that all properties together take some seconds. A failure names the seed that repeats it.</summary>
    private const int Iterations = 200;

    [Fact]
    public void Everything_that_a_resource_names_is_there() => RandomMesh.Snapshot.Sample(
        snapshot =>
        {
            var configuration = Translate(snapshot);
            var shared = new References();
            foreach (var type in Enum.GetValues<ResourceType>()) shared.Visit(ConfigurationJson.Shared(configuration, type));
            shared.Clusters.ShouldBeSubsetOf(Names(configuration, ResourceType.Cluster));
            shared.Routes.Order().ShouldBe(Names(configuration, ResourceType.Route).Where(name => HasListener(configuration, name)).Order());
            shared.EdsClusters.Order().ShouldBe(Names(configuration, ResourceType.Endpoints).Order());
            foreach (var node in configuration.Nodes.Values.DistinctBy(node => node.Own))
            {
                var own = new References();
                own.Visit(ConfigurationJson.Own(configuration, node.Workload, ResourceType.Listener));
                own.Clusters.ShouldBeSubsetOf(Names(configuration, ResourceType.Cluster).Concat(node.Own.Clusters.Items.ToArray().Select(c => c.Name)));
                own.Routes.ShouldBeEmpty();
            }
        },
        iter: Iterations);

    [Fact]
    public void No_two_resources_of_a_proxy_have_one_name_and_no_two_listeners_one_address() => RandomMesh.Snapshot.Sample(
        snapshot =>
        {
            var configuration = Translate(snapshot);
            foreach (var type in Enum.GetValues<ResourceType>())
            {
                var shared = Names(configuration, type);
                shared.Distinct().Count().ShouldBe(shared.Length);
                foreach (var own in configuration.Profiles.Values)
                {
                    var ofOne = type switch { ResourceType.Cluster => own.Clusters, ResourceType.Listener => own.Listeners, _ => ResourceSet.Empty };
                    shared.Concat(ofOne.Items.ToArray().Select(r => r.Name)).GroupBy(name => name).Where(group => group.Count() > 1).ShouldBeEmpty();
                }
            }

            ConfigurationJson.Shared(configuration, ResourceType.Listener)
                .GroupBy(listener => listener!["address"]!.ToJsonString())
                .Where(group => group.Count() > 1)
                .ShouldBeEmpty();
        },
        iter: Iterations);

    [Fact]
    public void The_order_in_which_objects_are_known_changes_no_byte() => Gen.Select(RandomMesh.Snapshot, Gen.Int).Sample(
        (snapshot, order) => Text(Translate(snapshot.InOrder(order))).ShouldBe(Text(Translate(snapshot.InOrder(0)))),
        iter: Iterations);

    [Fact]
    public void The_verdicts_do_not_depend_on_the_order_in_which_objects_are_known() => Gen.Select(RandomMesh.Snapshot, Gen.Int).Sample(
        (snapshot, order) =>
        {
            var verdicts = Translator.Translate(snapshot.InOrder(0)).Verdicts;
            foreach (var (policy, verdict) in Translator.Translate(snapshot.InOrder(order)).Verdicts) verdict.ShouldBe(verdicts[policy]);
        },
        iter: Iterations);

    [Fact]
    public void What_is_kept_of_earlier_translations_makes_no_difference() => RandomMesh.History.Sample(
        history =>
        {
            var keeping = new EnvoyTranslator();
            foreach (var snapshot in history)
            {
                var model = Translator.Translate(snapshot).Model;
                Text(keeping.Translate(model)).ShouldBe(Text(new EnvoyTranslator().Translate(model)));
            }
        },
        iter: Iterations);

    [Fact]
    public void Nothing_new_is_made_of_what_did_not_change() => RandomMesh.History.Sample(
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
                        if (old.Find(resource.Name) is { } same && same.Version == resource.Version) resource.ShouldBeSameAs(same);
                }

                before = after;
            }
        },
        iter: Iterations);

    [Fact]
    public void A_backend_gets_the_share_that_its_weight_says_and_missing_ones_theirs() => RandomMesh.Snapshot.Sample(
        snapshot =>
        {
            var model = Translator.Translate(snapshot).Model;
            var configuration = new EnvoyTranslator().Translate(model);
            var listeners = ConfigurationJson.Shared(configuration, ResourceType.Listener);
            var routes = ConfigurationJson.Shared(configuration, ResourceType.Route).ToDictionary(r => (string)r!["name"]!, r => r!);
            foreach (var port in model.Services.Values.SelectMany(service => service.Ports))
            {
                var name = Translation.Names.Outbound(port.Service, port.Port);
                foreach (var http in routes.ContainsKey(name) ? port.Routes : [])
                {
                    var wanted = Shares.Wanted(http.Backends, Shares.Missing);
                    Shares.OfRequests(routes[name], http.Name).ShouldAllBe(shares => Shares.AreNear(shares, wanted));
                }

                foreach (var tcp in Shares.OfConnections(listeners.Where(l => (string)l!["name"]! == name)))
                    Shares.AreNear(tcp, Shares.Wanted(port.TcpBackends, Translation.Names.Blackhole)).ShouldBeTrue();
            }
        },
        iter: Iterations);

    /// <summary>A headless service has routes, but no listener that names them.</summary>
    private static bool HasListener(EnvoyConfiguration configuration, string service) =>
        Names(configuration, ResourceType.Listener).Any(name => name == service || name.StartsWith($"{service}/", StringComparison.Ordinal));

    private static EnvoyConfiguration Translate(ClusterSnapshot snapshot) => new EnvoyTranslator().Translate(Translator.Translate(snapshot).Model);

    private static string[] Names(EnvoyConfiguration configuration, ResourceType type) => [.. configuration.Shared[(int)type].Items.ToArray().Select(r => r.Name)];

    /// <summary>Everything that is served and to whom, with versions, which are hashes of the bytes; and by which resources policies are known.</summary>
    private static string Text(EnvoyConfiguration configuration) => string.Join('\n', [
        configuration.TrustDomain,
        .. configuration.Shared.SelectMany(set => set.Items.ToArray().Select(r => r.ToString()).Prepend(set.Version)),
        .. configuration.Nodes.OrderBy(n => n.Key.NodeId, StringComparer.Ordinal).Select(n =>
            $"{n.Key} {n.Value.Identity} {n.Value.Own.Clusters.Version} {n.Value.Own.Listeners.Version}"),
        .. configuration.Policies.Select(p => $"{p.Key}: {string.Join(' ', p.Value)}").Order(StringComparer.Ordinal),
        .. configuration.InboundPolicies.Select(p => p.ToString()).Order(StringComparer.Ordinal)]);
}
