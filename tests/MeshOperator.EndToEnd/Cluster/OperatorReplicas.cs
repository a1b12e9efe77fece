using MeshOperator.Testing;

namespace MeshOperator.EndToEnd.Cluster;

/// <summary>Further replicas of the operator beside the suite's own: a Deployment of it, with what the kubelet and the controller of
/// endpoints do. Connections to the operator's Service, and the API server's webhook calls, go to replicas that are ready.</summary>
internal sealed class OperatorReplicas : IAsyncDisposable
{
    private const string LeaderMetric = "meshoperator_leader";
    private static readonly TimeSpan ProbeEvery = TimeSpan.FromMilliseconds(250);
    private readonly TestMesh _mesh;
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<OperatorUnderTest> _removed = [];
    private Task _probing = Task.CompletedTask;
    private OperatorUnderTest? _chosen;

    private OperatorReplicas(TestMesh mesh, IReadOnlyList<OperatorUnderTest> all) => (_mesh, All) = (mesh, all);

    public IReadOnlyList<OperatorUnderTest> All { get; private set; }

    /// <summary>Those that were ready when they were last probed.</summary>
    public IReadOnlyList<OperatorUnderTest> Ready { get; private set; } = [];

    public static async Task<OperatorReplicas> StartAsync(TestMesh mesh, int count)
    {
        var replicas = new OperatorReplicas(mesh, [mesh.Operator]);
        replicas._probing = Task.Run(replicas.ProbeAsync);
        await replicas.ScaleUpAsync(count);
        return replicas;
    }

    /// <summary>Starts further replicas and waits until all are ready.</summary>
    public async Task ScaleUpAsync(int count)
    {
        while (All.Count < count)
        {
            var replica = await _mesh.AddReplicaAsync();
            await replica.StartAsync();
            All = [.. All, replica];
        }

        await AreReadyAsync(count);
    }

    /// <summary>Stops a replica, and waits for its end.</summary>
    public async Task RemoveAsync(OperatorUnderTest replica)
    {
        await replica.StopAsync();
        _removed.Add(replica);
        All = [.. All.Where(other => other != replica)];
        await AreReadyAsync(All.Count);
    }

    /// <summary>Leads new connections of proxies to one replica, or again to all that are ready. Those that are open stay.</summary>
    public async Task LeadProxiesToAsync(OperatorUnderTest? replica)
    {
        _chosen = replica;
        await _mesh.ApplyOperatorEndpointsAsync(Endpoints(Ready));
    }

    /// <summary>The one that leads, by its metrics; null while none does.</summary>
    public async Task<OperatorUnderTest?> FindLeaderAsync()
    {
        foreach (var replica in All)
        {
            if (!await replica.AnswersAsync())
                continue;
            var metrics = await replica.MetricsAsync();
            if (
                metrics
                    .Split('\n')
                    .Any(line =>
                        line.Contains(LeaderMetric, StringComparison.Ordinal)
                        && !line.StartsWith('#')
                        && line[(line.LastIndexOf('}') + 1)..].Trim().StartsWith('1')
                    )
            )
            {
                return replica;
            }
        }

        return null;
    }

    /// <summary>Waits for a leader.</summary>
    public async Task<OperatorUnderTest> LeaderAsync(TimeSpan within)
    {
        OperatorUnderTest? leader = null;
        await Eventually.Succeeds(async () => leader = await FindLeaderAsync() ?? throw new TimeoutException("no replica leads"), within);
        return leader!;
    }

    /// <summary>Waits until so many are ready.</summary>
    public Task AreReadyAsync(int count, TimeSpan? within = null) =>
        Eventually.Succeeds(
            () =>
            {
                if (Ready.Count != count)
                    throw new TimeoutException($"{Ready.Count} of {count} replicas are ready");
            },
            within
        );

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _probing;
        _stopping.Dispose();
        await _mesh.Operator.RecoverAsync();
        await _mesh.ApplyOperatorEndpointsAsync([_mesh.Operator]);
        _mesh.Operator.LeadWebhooksTo(_mesh.Operator);
        foreach (var replica in All.Concat(_removed).Where(replica => replica != _mesh.Operator))
            await replica.DisposeAsync();
    }

    private IEnumerable<OperatorUnderTest> Endpoints(IReadOnlyList<OperatorUnderTest> ready) =>
        _chosen is { } chosen ? ready.Where(replica => replica == chosen) : ready;

    private async Task ProbeAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            var answers = await Task.WhenAll(All.Select(async replica => (Replica: replica, IsReady: await replica.IsReadyAsync())));
            OperatorUnderTest[] ready = [.. answers.Where(answer => answer.IsReady).Select(answer => answer.Replica)];
            if (!ready.SequenceEqual(Ready))
            {
                await _mesh.ApplyOperatorEndpointsAsync(Endpoints(ready));
                if (ready.Length > 0)
                    _mesh.Operator.LeadWebhooksTo(ready[0]);
                Ready = ready;
            }

            await Task.Delay(ProbeEvery, TimeProvider.System, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
