using CsCheck;
using MeshOperator.Mesh.Translation;
using MeshOperator.Xds.Rendering;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Shared;
using Shouldly;

namespace MeshOperator.Xds.Tests.Properties;

/// <summary>What holds of every part of a mesh that is sent to some clients only.</summary>
public sealed class ScopeProperties
{
    private const int Iterations = 200;

    [Fact]
    public void Everything_that_is_named_in_what_a_scoped_proxy_is_sent_is_sent_too() =>
        RandomMesh.Snapshot.Sample(
            snapshot =>
            {
                var configuration = new EnvoyTranslator().Translate(Translator.Translate(snapshot).Model);
                foreach (var sets in configuration.Scopes.Values)
                {
                    var found = new References();
                    foreach (var type in Enum.GetValues<ResourceType>())
                    {
                        var names = Names(sets, type).ToHashSet();
                        foreach (
                            var resource in ConfigurationJson
                                .Shared(configuration, type)
                                .Where(r => names.Contains((string)(r!["name"] ?? r["cluster_name"])!))
                        )
                            found.Visit(resource);
                    }

                    found.Clusters.ShouldBeSubsetOf(Names(sets, ResourceType.Cluster));
                    found.Routes.ShouldBeSubsetOf(Names(sets, ResourceType.Route));
                    found.EdsClusters.Order().ShouldBe(Names(sets, ResourceType.Endpoints).Order());
                }
            },
            iter: Iterations
        );

    [Fact]
    public void A_scoped_proxy_is_sent_the_meshs_own_resources_and_can_call_nothing_else() =>
        RandomMesh.Snapshot.Sample(
            snapshot =>
            {
                var configuration = new EnvoyTranslator().Translate(Translator.Translate(snapshot).Model);
                foreach (var (scope, sets) in configuration.Scopes.Where(scope => scope.Key.Explicit is null))
                {
                    foreach (var type in new[] { ResourceType.Cluster, ResourceType.Endpoints, ResourceType.Route })
                    foreach (var resource in sets[(int)type].Items)
                    {
                        var shared = configuration.Shared[(int)type].Find(resource.Name).ShouldNotBeNull();
                        if (scope.Place is null || type is not ResourceType.Endpoints)
                            resource.ShouldBeSameAs(shared);
                    }
                    var called = configuration.ServicePorts.Values.Where(port => scope.Contains(port.Source.Service)).ToList();
                    Names(sets, ResourceType.Listener)
                        .Except(["outbound"])
                        .ShouldBeSubsetOf(called.SelectMany(port => port.Listeners.Select(l => l.Listener.Name)));
                    Names(sets, ResourceType.Route).Order().ShouldBe(called.SelectMany(port => port.Routes.Select(r => r.Name)).Order());
                }
            },
            iter: Iterations
        );

    [Fact]
    public void An_explicit_proxy_has_a_listener_for_requests_and_knows_each_host_once_and_the_clusters_behind_it() =>
        RandomMesh.Snapshot.Sample(
            snapshot =>
            {
                var configuration = new EnvoyTranslator().Translate(Translator.Translate(snapshot).Model);
                foreach (
                    var node in configuration.Nodes.Values.Where(node => node.Scope?.Explicit is not null).DistinctBy(node => node.Scope)
                )
                {
                    Names(configuration.FindShared(node), ResourceType.Listener)
                        .Where(name => !name.StartsWith("local/", StringComparison.Ordinal))
                        .ShouldBe(["explicit-proxy"]);
                    var hosts = ConfigurationJson
                        .Sent(configuration, node.Workload, ResourceType.Route)
                        .Single(routes => ((string)routes!["name"]!).StartsWith("explicit-proxy/", StringComparison.Ordinal))![
                        "virtual_hosts"
                    ]!.AsArray();
                    var domains = hosts.SelectMany(host => host!["domains"]!.AsArray()).Select(domain => (string)domain!).ToList();
                    domains.Distinct().Count().ShouldBe(domains.Count);
                    hosts.ShouldAllBe(host => host!["domains"]!.AsArray().Count > 0);
                    var found = new References();
                    found.Visit(hosts);
                    found.Clusters.ShouldBeSubsetOf(Names(configuration.FindShared(node), ResourceType.Cluster));
                }
            },
            iter: Iterations
        );

    [Fact]
    public void Everything_that_is_named_in_what_a_grpc_library_is_sent_is_sent_too() =>
        RandomMesh.Snapshot.Sample(
            snapshot =>
            {
                var configuration = new EnvoyTranslator().Translate(Translator.Translate(snapshot).Model);
                var sets = configuration.Proxyless.Value.Shared;
                var found = new References();
                foreach (var type in Enum.GetValues<ResourceType>())
                    found.Visit(ConfigurationJson.Proxyless(configuration, type));
                found.Clusters.ShouldBeSubsetOf(Names(sets, ResourceType.Cluster));
                found.Routes.Order().ShouldBe(Names(sets, ResourceType.Route).Order());
                found.EdsClusters.Order().ShouldBe(Names(sets, ResourceType.Endpoints).Order());
            },
            iter: Iterations
        );

    private static IEnumerable<string> Names(IReadOnlyList<ResourceSet> sets, ResourceType type) =>
        sets[(int)type].Items.ToArray().Select(r => r.Name);
}
