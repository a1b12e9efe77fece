using System.Diagnostics;
using System.Globalization;
using MeshOperator.Mesh.Rollout;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Revocations;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Benchmarks;

/// <summary>What a change costs from the snapshot to what is served, in a mesh and in one with ten times as many pods.</summary>
internal static class ChangeCost
{
    private const int Services = 1_000;
    private const int Changes = 200;

    /// <summary>Prints it for each kind of change.</summary>
    public static void Measure()
    {
        foreach (var endpoints in new[] { 1, 10 })
        {
            Measure("an access rule of one workload", endpoints, (mesh, i) => LargeMesh.WithAccess(mesh, $"account-{i}"));
            Measure("a split's weight", endpoints, (mesh, i) => LargeMesh.WithWeight(mesh, 1 + (i % 99)));
            Measure("an endpoint", endpoints, (mesh, i) => LargeMesh.WithReadiness(mesh, i % 2 == 0));
            Measure("a pod", endpoints, (mesh, i) => LargeMesh.WithPod(mesh, $"account-{i}"));
        }
    }

    private static void Measure(string what, int endpoints, Func<ClusterSnapshot, int, ClusterSnapshot> change)
    {
        var way = new Way();
        var mesh = LargeMesh.WithAccess(LargeMesh.Snapshot(Services, endpoints), "account");
        way.Go(mesh);
        for (var i = 0; i < Changes; i++)
            way.Go(mesh = change(mesh, i));
        var (cpu, allocated) = (Environment.CpuUsage.TotalTime, GC.GetAllocatedBytesForCurrentThread());
        for (var i = 0; i < Changes; i++)
            way.Go(mesh = change(mesh, Changes + i));
        var each = (Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds / Changes;
        var bytes = (GC.GetAllocatedBytesForCurrentThread() - allocated) / 1024.0 / Changes;
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Services * endpoints} pods, {what}: {each:0.00} ms of CPU, {bytes:0} KiB ({string.Join(", ", way.Parts())})"
            )
        );
    }

    /// <summary>What the pipeline does with a snapshot.</summary>
    private sealed class Way
    {
        private readonly MeshTranslator _mesh = new();
        private readonly ModeRollout _rollout = new(TimeProvider.System);
        private readonly EnvoyTranslator _envoy = new();
        private readonly RevocationTracker _revocations = new();
        private readonly SnapshotCache _cache = new();
        private readonly Dictionary<string, TimeSpan> _parts = [];
        private int _count;

        public void Go(ClusterSnapshot snapshot)
        {
            if (++_count == Changes + 2)
                _parts.Clear();
            var model = Time("model", () => _mesh.Translate(snapshot).Model);
            var served = Time("rollout", () => _rollout.Apply(model, NoProgress.Instance));
            var configuration = Time("resources", () => _envoy.Translate(served));
            Time("cache", () => _cache.Update(configuration));
            Time(
                "revocations",
                () =>
                {
                    _revocations.See(model);
                    return 0;
                }
            );
        }

        public IEnumerable<string> Parts() =>
            _parts.Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Key} {part.Value.TotalMilliseconds / Changes:0.00}"));

        private T Time<T>(string part, Func<T> work)
        {
            var began = Stopwatch.GetTimestamp();
            var result = work();
            _parts[part] = _parts.GetValueOrDefault(part) + Stopwatch.GetElapsedTime(began);
            return result;
        }
    }

    private sealed class NoProgress : IRolloutProgress
    {
        public static readonly NoProgress Instance = new();

        public bool HasServer(Mesh.Model.WorkloadName workload) => true;

        public bool HaveClients(IReadOnlyCollection<Mesh.Model.BackendTarget> ports) => true;
    }
}
