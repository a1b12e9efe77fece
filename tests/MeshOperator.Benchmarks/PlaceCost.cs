using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Server;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Inbound;

namespace MeshOperator.Benchmarks;

/// <summary>What it costs that endpoints depend on where a proxy runs: translations, copies, and what the streams of all proxies hold and
/// are sent. Without a network, so that nothing else is measured.</summary>
internal static class PlaceCost
{
    private const int Zones = 3;
    private const int Nodes = 50;
    private const int Special = 10;
    private const int Changes = 20;

    /// <summary>Prints it.</summary>
    /// <param name="streams">How many proxies there are; each two are a service's.</param>
    public static void Measure(int streams)
    {
        var plain = OnNodes(LargeMesh.Snapshot(streams / 2, 2));
        Report("no service depends on it", plain);
        Report($"{Special} services with Local", WithLocal(plain));
        Report($"{Special} services with hints of nodes", WithHints(plain, slice => slice < Special, ofNodes: true));
        Report("all services with hints of zones", WithHints(plain, _ => true, ofNodes: false));
        Report($"all with hints of zones, {Special} with Local", WithLocal(WithHints(plain, _ => true, ofNodes: false)));
    }

    private static void Report(string name, ClusterSnapshot snapshot)
    {
        var (mesh, envoy) = (new MeshTranslator(), new EnvoyTranslator());
        var clock = Stopwatch.StartNew();
        var configuration = envoy.Translate(mesh.Translate(snapshot).Model);
        var first = clock.Elapsed;

        var before = GC.GetTotalMemory(forceFullCollection: true);
        var streams = configuration.Nodes.Values.Select(node => new Stream(node)).ToList();
        var sent = streams.Sum(stream => stream.Start(configuration));
        var held = GC.GetTotalMemory(forceFullCollection: true) - before;

        clock.Restart();
        long pushed = 0;
        var translating = TimeSpan.Zero;
        for (var i = 0; i < Changes; i++)
        {
            var from = clock.Elapsed;
            configuration = envoy.Translate(mesh.Translate(LargeMesh.WithReadiness(snapshot, isReady: i % 2 == 1)).Model);
            translating += clock.Elapsed - from;
            pushed += streams.Sum(stream => stream.Advance(configuration));
        }

        var sets = configuration
            .Nodes.Values.Select(node => configuration.FindShared(node)[(int)ResourceType.Endpoints])
            .Distinct()
            .ToList();
        var resources = sets.SelectMany(set => set.Items.ToArray()).Distinct(ReferenceEqualityComparer.Instance).Count();
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{name}: {streams.Count} streams, {sets.Count} sets of {sets[0].Count}, {resources} resources; first translation "
                    + $"{first.TotalMilliseconds:F0} ms, {sent / streams.Count / 1000} kB and {held / streams.Count} bytes held a stream; "
                    + $"a change: translated in {translating.TotalMilliseconds / Changes:F1} ms, streams advanced in "
                    + $"{(clock.Elapsed - translating).TotalMilliseconds / Changes:F1} ms with {pushed / Changes / 1000} kB"
            )
        );
    }

    private static string Node(int number) => string.Create(CultureInfo.InvariantCulture, $"node-{number % Nodes}");

    private static string Zone(int node) => string.Create(CultureInfo.InvariantCulture, $"zone-{node % Nodes % Zones}");

    private static ClusterSnapshot OnNodes(ClusterSnapshot snapshot) =>
        snapshot with
        {
            Nodes = Enumerable
                .Range(0, Nodes)
                .ToImmutableDictionary(node => new ObjectName(string.Empty, Node(node)), node => new NodeRecord(Zone(node))),
            Pods = snapshot
                .Pods.OrderBy(pod => pod.Key)
                .Select((pod, i) => KeyValuePair.Create(pod.Key, pod.Value with { Node = Node(i) }))
                .ToImmutableDictionary(),
        };

    private static ClusterSnapshot WithLocal(ClusterSnapshot snapshot) =>
        snapshot with
        {
            Services = snapshot.Services.SetItems(
                snapshot
                    .Services.OrderBy(service => service.Key)
                    .Take(Special)
                    .Select(service => KeyValuePair.Create(service.Key, service.Value with { StaysOnNode = true }))
            ),
            EndpointSlices = snapshot.EndpointSlices.SetItems(
                snapshot
                    .EndpointSlices.OrderBy(slice => slice.Key)
                    .Take(Special)
                    .Select(slice => KeyValuePair.Create(slice.Key, With(slice.Value, (endpoint, i) => endpoint with { Node = Node(i) })))
            ),
        };

    private static ClusterSnapshot WithHints(ClusterSnapshot snapshot, Func<int, bool> isHinted, bool ofNodes) =>
        snapshot with
        {
            EndpointSlices = snapshot
                .EndpointSlices.OrderBy(slice => slice.Key)
                .Select((slice, number) => (slice, number))
                .ToImmutableDictionary(
                    entry => entry.slice.Key,
                    entry =>
                        isHinted(entry.number)
                            ? With(
                                entry.slice.Value,
                                (endpoint, i) =>
                                    endpoint with
                                    {
                                        ForNodes = ofNodes ? [Node(i + entry.number)] : [],
                                        ForZones = [Zone(i + entry.number)],
                                    }
                            )
                            : entry.slice.Value
                ),
        };

    private static EndpointSliceRecord With(EndpointSliceRecord slice, Func<EndpointRecord, int, EndpointRecord> change) =>
        slice with
        {
            Endpoints = slice.Endpoints.Select(change).ToValueList(),
        };

    /// <summary>A proxy that subscribes to the endpoints of all clusters.</summary>
    private sealed class Stream(NodeEntry node)
    {
        private readonly StreamSubscriptions _subscriptions = new(true, node.Workload.NodeId, 32 * 1024, TimeProvider.System);
        private NodeEntry _node = node;

        public long Start(EnvoyConfiguration configuration)
        {
            var names = configuration.Shared[(int)ResourceType.Endpoints].Items.ToArray().Select(resource => resource.Name).ToList();
            var request = new ClientRequest
            {
                IsDelta = true,
                TypeUrl = string.Empty,
                Nonce = string.Empty,
                Names = names,
            };
            _subscriptions.Handle(ResourceType.Endpoints, request, View(configuration));
            return Advance(configuration);
        }

        public long Advance(EnvoyConfiguration configuration) =>
            _subscriptions
                .Advance(View(configuration), hasSecrets: true)
                .Sum(response => response.Resources.Sum(resource => (long)resource.DeltaField.Length));

        private ProxyView View(EnvoyConfiguration configuration)
        {
            _node = configuration.Nodes[_node.Workload];
            return ProxyView.ForEnvoy(configuration.FindShared(_node), _node.Own, ResourceSet.Empty, LimitMembers.None, isOlder: false);
        }
    }
}
