using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Xds.LoadStats;

namespace MeshOperator.Shifts;

/// <summary>Where the requests of a gradual shift go.</summary>
/// <param name="Target">The ports of the backend that the traffic is shifted to.</param>
/// <param name="Others">The ports of the other backends.</param>
/// <param name="IsCounted">Whether requests are counted: bytes have none.</param>
internal sealed record ShiftRoutes(IReadOnlyList<MeshServicePort> Target, IReadOnlyList<MeshServicePort> Others, bool IsCounted)
{
    /// <summary>Finds them.</summary>
    /// <param name="model">What proxies are served.</param>
    /// <param name="split">The name of the TrafficSplit.</param>
    /// <param name="service">The service whose traffic is split.</param>
    /// <param name="shift">The shift.</param>
    public static ShiftRoutes Find(MeshModel model, ObjectName split, string service, SplitShift shift)
    {
        if (!model.Services.TryGetValue(new ServiceName(split.Namespace, service), out var root))
            return new ShiftRoutes([], [], IsCounted: false);
        var name = new ShiftName(split.Name, shift.Rule);
        var targets = root
            .Ports.SelectMany(port => port.Routes)
            .Where(route => name.Equals(route.Shift))
            .SelectMany(route => route.Backends)
            .Select(backend => backend.Target)
            .OfType<BackendTarget>()
            .Distinct()
            .Select(target => FindPort(model, target))
            .OfType<MeshServicePort>()
            .ToLookup(port => port.Service.Name == shift.Wanted.To);
        var isCounted = root.Ports.Any(port => port.Protocol is not PortProtocol.Tcp && port.Routes.Any(route => name.Equals(route.Shift)));
        return new ShiftRoutes([.. targets[true]], [.. targets[false]], isCounted);
    }

    /// <summary>How many ready endpoints there are; of a service with several ports, as many as the one with the fewest has.</summary>
    public ShiftEndpoints Endpoints => new(CountEndpoints(Target), CountEndpoints(Others));

    /// <summary>The clusters by which the requests of a shift, or its copies, to some of the ports are counted.</summary>
    public static IEnumerable<ShiftCluster> Clusters(IEnumerable<MeshServicePort> ports, ShiftName name) =>
        ports
            .Select(port => new BackendTarget(port.Service, port.Port))
            .Select(target => new ShiftCluster(
                ClusterLoad.Name(target, name),
                ClusterLoad.Histogram(target, name),
                ClusterLoad.FirstByteHistogram(target, name)
            ));

    private static int CountEndpoints(IEnumerable<MeshServicePort> ports) =>
        ports.GroupBy(port => port.Service).Sum(service => service.Min(port => port.Endpoints.Count));

    private static MeshServicePort? FindPort(MeshModel model, BackendTarget target) =>
        model.Services.TryGetValue(target.Service, out var service) ? service.Ports.FirstOrDefault(port => port.Port == target.Port) : null;
}

/// <summary>A cluster by which the requests of a shift are counted.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Histogram">The name of its histogram of latencies.</param>
/// <param name="FirstByteHistogram">The name of its histogram of the time to the first byte of the response's body.</param>
internal sealed record ShiftCluster(string Name, string Histogram, string FirstByteHistogram)
{
    /// <summary>Whether it must be known how long its requests take.</summary>
    public bool NeedsLatency { get; init; }
}
