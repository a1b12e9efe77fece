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
    private Task _probing = Task.CompletedTask;

    private OperatorReplicas(TestMesh mesh, IReadOnlyList<OperatorUnderTest> all) => (_mesh, All) = (mesh, all);

    public IReadOnlyList<OperatorUnderTest> All { get; }

    /// <summary>Those that were ready when they were last probed.</summary>
    public IReadOnlyList<OperatorUnderTest> Ready { get; private set; } = [];

    public static async Task<OperatorReplicas> StartAsync(TestMesh mesh, int count)
    {
        var all = new List<OperatorUnderTest> { mesh.Operator };
        while (all.Count < count)
        {
            var replica = await mesh.AddReplicaAsync();
            all.Add(replica);
            await replica.StartAsync();
        }

        var replicas = new OperatorReplicas(mesh, all);
        replicas._probing = Task.Run(replicas.ProbeAsync);
        await replicas.AreReadyAsync(count);
        return replicas;
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
        await Eventually.Succeeds(
            async () => leader = await FindLeaderAsync() ?? throw new TimeoutException("no replica leads"),
            within
        );
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
        foreach (var replica in All.Skip(1))
            await replica.DisposeAsync();
    }

    private async Task ProbeAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            var answers = await Task.WhenAll(All.Select(async replica => (Replica: replica, IsReady: await replica.IsReadyAsync())));
            OperatorUnderTest[] ready = [.. answers.Where(answer => answer.IsReady).Select(answer => answer.Replica)];
            if (!ready.SequenceEqual(Ready))
            {
                await _mesh.ApplyOperatorEndpointsAsync(ready);
                if (ready.Length > 0)
                    _mesh.Operator.LeadWebhooksTo(ready[0]);
                Ready = ready;
            }

            await Task.Delay(ProbeEvery, TimeProvider.System, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
