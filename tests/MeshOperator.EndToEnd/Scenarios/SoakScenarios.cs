using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Three replicas of the operator, six real proxies and three hundred simulated ones, under load, while one thing after the other
/// happens to the operator, the API server and the pods. The next comes when the last is over: every policy is acknowledged by all, and
/// every proxy has a stream. The same load without the mesh goes on beside.</summary>
public sealed class SoakScenarios(TestMesh mesh) : Scenario(mesh)
{
    private const int Crowd = 300;
    private const double Rate = 50;

    /// <summary>How many lines of a replica's log are shown where something does not settle.</summary>
    private const int Shown = 60;

    /// <summary>A lease that is not given back ends within this.</summary>
    private static readonly TimeSpan LeaderWithin = TimeSpan.FromSeconds(15);

    /// <summary>And statuses are true within this after it, where nothing else is wrong.</summary>
    private static readonly TimeSpan TrueWithin = TimeSpan.FromSeconds(5);

    /// <summary>All is settled within this after it has become possible: what begins while the API server is away cannot end before it is
    /// back.</summary>
    private static readonly TimeSpan SettlesWithin = TimeSpan.FromSeconds(30);

    /// <summary>Longer than anything is done to the operator and what then settles.</summary>
    private static readonly TimeSpan AtMost = TimeSpan.FromMinutes(3);

    private readonly int? _minutes = Environment.GetEnvironmentVariable("MESH_TEST_SOAK_MINUTES") is { Length: > 0 } minutes
        ? int.Parse(minutes, CultureInfo.InvariantCulture)
        : null;

    /// <summary>Names of faults, such as <c>LeaderIsKilled</c> and <c>PodsAreRolled</c>, to look at these alone; empty for all.</summary>
    private readonly string[] _chosen =
        Environment.GetEnvironmentVariable("MESH_TEST_SOAK_FAULTS")?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [];

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private int _disturbances;
    private TestNamespace _shop = null!;
    private Load _load = null!;
    private SplitUnderLoad _split = null!;
    private OperatorReplicas _replicas = null!;
    private SimulatedProxies _crowd = null!;

    [Fact]
    public async Task Nothing_that_happens_to_one_of_three_replicas_fails_a_request_or_makes_a_status_false()
    {
        Expect("initial fetch timed out for type", "a pod may start while the API server is away");
        _shop = await NamespaceAsync("soak", proxies: 8, Turn.Alone);
        await Task.WhenAll(
            _shop.DeployAsync("web", replicas: 2),
            _shop.DeployAsync("canary", replicas: 2),
            _shop.DeployAsync("client", replicas: 2)
        );
        await _shop.DeployAsync("bare", replicas: 2, meshed: false);
        var outside = await _shop.DeployAsync("outside", meshed: false);
        _split = new SplitUnderLoad(_shop);
        await _split.SendToAsync("web", settles: false);
        await using var replicas = _replicas = await OperatorReplicas.StartAsync(Mesh, 3);
        await using var crowd = _crowd = await SimulatedProxies.StartAsync(Mesh, Crowd);
        await SettleAsync("the beginning");
        await _shop.WaitUntilProxiesKnowAllAsync();
        var plain = Load.Open(outside.Client, "http://bare/", Rate);
        _load = Load.Open(_shop.Workload("client").Client, "http://web/", Rate);
        _split.Load = _load;

        foreach (var fault in OperatorFaults)
            await fault();
        foreach (var fault in MeshFaults)
            await fault();
        await OperatorIsRolledAsync();
        await GoOnWithTwoAtATimeAsync();

        var (meshed, without) = (await _load.EndAsync(), await plain.EndAsync());
        Report("with the mesh", meshed.ToString());
        Report("without", without.ToString());
        _split.False.ShouldBeEmpty();
        meshed.Failed.ShouldBeLessThanOrEqualTo(without.Failed, meshed.ToString());
    }

    private Func<Task>[] OperatorFaults =>
        Chosen(LeaderIsKilledAsync, ReplicaIsPausedAsync, ReplicaIsCutOffAsync, ApiServerIsAwayAsync, LeaseIsStolenAsync);

    private Func<Task>[] MeshFaults => Chosen(ModeChangesAsync, RootIsRotatedAsync, PodsAreRolledAsync);

    private Func<Task>[] Chosen(params Func<Task>[] faults) =>
        [.. faults.Where(fault => _chosen.Length == 0 || _chosen.Contains(fault.Method.Name[..^"Async".Length]))];

    /// <summary>By hand: something happens to the operator and to the mesh at a time, until the time is over.</summary>
    private async Task GoOnWithTwoAtATimeAsync()
    {
        if (_minutes is not { } minutes)
            return;
        var random = new Random(minutes);
        while (_load.Now < TimeSpan.FromMinutes(minutes))
            await Task.WhenAll(random.GetItems(OperatorFaults, 1)[0](), random.GetItems(MeshFaults, 1)[0]());
    }

    private async Task LeaderIsKilledAsync()
    {
        var leader = await _replicas.LeaderAsync(LeaderWithin);
        using (Disturb())
        {
            await leader.KillAsync();
            var killedAt = _load.Now;
            await _split.SendToAsync("canary", settles: false);
            await _replicas.LeaderAsync(LeaderWithin);
            var ledAfter = _load.Now - killedAt;
            await _split.IsTrueAsync(TrueWithin + (LeaderWithin - ledAfter));
            Report("leader killed", string.Create(CultureInfo.InvariantCulture, $"another led after {ledAfter.TotalSeconds:0.0} s"));
            await leader.StartAsync();
        }

        await SettleAsync("the leader was killed");
    }

    private async Task ReplicaIsPausedAsync()
    {
        var paused = await OtherThanLeaderAsync();
        Task change;
        using (Disturb())
        {
            paused.Pause();
            await _load.GoOnAsync(TimeSpan.FromSeconds(8));
            // Proxies that are connected to it do not get this, and no status may say so.
            change = _split.SendToAsync("web", settles: false);
            await _load.GoOnAsync(TimeSpan.FromSeconds(4));
            paused.Continue();
        }

        await change;
        await SettleAsync("a replica was paused");
    }

    private async Task ReplicaIsCutOffAsync()
    {
        var cut = await _replicas.LeaderAsync(LeaderWithin);
        using (Disturb())
        {
            await cut.CutFromApiServerAsync();
            await Eventually.Succeeds(
                () =>
                {
                    if (_replicas.Ready.Contains(cut))
                        throw new TimeoutException("the replica that is cut off is still ready");
                },
                SettlesWithin
            );
            await _split.SendToAsync("canary", settles: true);
            await _crowd.AreConnectedAsync(SettlesWithin);
            cut.ReconnectToApiServer();
        }

        await _replicas.AreReadyAsync(3, SettlesWithin);
        await SettleAsync("a replica was cut off");
    }

    private async Task ApiServerIsAwayAsync()
    {
        var gaps = _crowd.Gaps.Count;
        using (Disturb())
        {
            foreach (var replica in _replicas.All)
                await replica.CutFromApiServerAsync();
            // By hand for longer than a replica's Lease counts without being renewed.
            await _load.GoOnAsync(TimeSpan.FromSeconds(_minutes is null ? 20 : 45));
            (_crowd.Connected, _crowd.Gaps.Count).ShouldBe((Crowd, gaps), "streams ended though no replica reached the API server");
            foreach (var replica in _replicas.All)
                replica.ReconnectToApiServer();
        }

        await _replicas.LeaderAsync(SettlesWithin);
        await _split.SendToAsync("web", settles: true);
        await SettleAsync("the API server was away");
    }

    private async Task LeaseIsStolenAsync()
    {
        var leader = await _replicas.LeaderAsync(LeaderWithin);
        var now = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);
        var patch = (JsonObject)
            JsonNode.Parse($$$"""{"spec":{"holderIdentity":"thief","renewTime":"{{{now}}}","leaseDurationSeconds":15}}""")!;
        using (Disturb())
        {
            await Mesh.Entities<V1Lease>()
                .MergePatchAsync(new ObjectKey(OperatorUnderTest.Namespace, "mesh-operator-leader"), patch, CancellationToken.None);
            await Eventually.Succeeds(
                async () =>
                {
                    if (await _replicas.FindLeaderAsync() == leader)
                        throw new TimeoutException("the old leader leads on");
                },
                LeaderWithin
            );
            await _replicas.LeaderAsync(LeaderWithin + LeaderWithin);
        }

        await _split.SendToAsync("canary", settles: true);
        await SettleAsync("the lease was stolen");
    }

    private async Task ModeChangesAsync()
    {
        foreach (var mode in new[] { "Disabled", "Strict", "Permissive" })
        {
            var policy = $"{{apiVersion: meshoperator.io/v1alpha1, kind: MtlsPolicy, metadata: {{name: mode}}, spec: {{mode: {mode}}}}}";
            await WhenPossibleAsync($"MtlsPolicy {mode}", Eventually.Succeeds(() => _shop.ApplyAsync(policy), AtMost));
        }

        await SettleAsync("the mode of mutual TLS changed");
    }

    private async Task RootIsRotatedAsync()
    {
        await WhenPossibleAsync("the rotation", Eventually.Succeeds(() => Mesh.Operator.RunCommandAsync("ca", "rotate", "--wait"), AtMost));
        await SettleAsync("the root was rotated");
    }

    private async Task PodsAreRolledAsync()
    {
        await WhenPossibleAsync(
            "the roll-out",
            Task.WhenAll(_shop.Workload("canary").RestartAsync(AtMost), _shop.Workload("bare").RestartAsync(AtMost))
        );
        await SettleAsync("pods were rolled");
    }

    private async Task OperatorIsRolledAsync()
    {
        var gaps = _crowd.Gaps.Count;
        foreach (var replica in _replicas.All)
        {
            await replica.StopAsync();
            await replica.StartAsync();
            await _replicas.AreReadyAsync(3, SettlesWithin);
        }

        await SettleAsync("the operator was rolled");
        TimeSpan[] without = [.. _crowd.Gaps.Skip(gaps).Order()];
        var p99 = without[(int)((without.Length - 1) * 0.99)];
        Report(
            "operator rolled",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{without.Length} streams moved, p50 {without[without.Length / 2].TotalSeconds:0.00} s, p99 {p99.TotalSeconds:0.00} s, "
                    + $"longest {without[^1].TotalSeconds:0.00} s"
            )
        );
        p99.ShouldBeLessThan(TimeSpan.FromSeconds(5));
        without[^1].ShouldBeLessThan(TimeSpan.FromSeconds(10));
    }

    private async Task<OperatorUnderTest> OtherThanLeaderAsync()
    {
        var leader = await _replicas.LeaderAsync(LeaderWithin);
        return _replicas.All.First(replica => replica != leader);
    }

    private async Task SettleAsync(string after)
    {
        var from = _clock.Elapsed;
        await WhenPossibleAsync($"what comes after {after}", ReachStateAsync());
        Report(after, string.Create(CultureInfo.InvariantCulture, $"settled in {(_clock.Elapsed - from).TotalSeconds:0.0} s"));
    }

    private async Task ReachStateAsync()
    {
        await _replicas.AreReadyAsync(3, AtMost);
        await _crowd.AreConnectedAsync(AtMost);
        await _split.IsTrueAsync(AtMost);
    }

    /// <summary>Something is done to the operator until this is disposed.</summary>
    private Disturbance Disturb() => new(this);

    /// <summary>Waits for a change, for as long as something is done to the operator, and from then on no longer than all may take to
    /// settle.</summary>
    private async Task WhenPossibleAsync(string what, Task change)
    {
        var (from, isLate) = (_clock.Elapsed, false);
        await Eventually.Succeeds(
            () =>
            {
                if (Volatile.Read(ref _disturbances) > 0)
                    from = _clock.Elapsed;
                isLate = _clock.Elapsed - from > SettlesWithin;
                if (!change.IsCompleted && !isLate)
                    throw new TimeoutException($"{what} has not settled");
            },
            AtMost
        );
        if (isLate && !change.IsCompleted)
            throw new TimeoutException(
                $"{what} did not settle in {SettlesWithin.TotalSeconds} s after it was possible:\n{await DescribeAsync()}"
            );
        await change;
    }

    /// <summary>What there is to see of a change that does not settle.</summary>
    private async Task<string> DescribeAsync()
    {
        var text = new StringBuilder();
        foreach (var (kind, name) in _shop.Applied)
        {
            var policy = await Policies.ReadAsync(Mesh, kind, _shop.Name, name);
            text.AppendLine(CultureInfo.InvariantCulture, $"{kind} {name}: {policy["status"]?.ToJsonString()}");
        }

        foreach (var lease in await Mesh.Entities<V1Lease>().ListAsync(CancellationToken.None))
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{lease.Metadata.Name} {string.Join(' ', lease.Metadata.Annotations?.Values ?? [])}"
            );
        foreach (var replica in _replicas.All)
            text.AppendLine(CultureInfo.InvariantCulture, $"replica {replica.Address}:")
                .AppendJoin('\n', replica.Log.TakeLast(Shown))
                .AppendLine();
        return text.ToString();
    }

    /// <param name="what">What has happened.</param>
    /// <param name="text">What became of it. The time of the load is said with it, as failed requests are named by that.</param>
    private void Report(string what, string text) =>
        TestContext.Current.SendDiagnosticMessage(
            string.Create(CultureInfo.InvariantCulture, $"soak, {_load?.Now.TotalSeconds ?? 0:0} s: {what}: {text}")
        );

    private sealed class Disturbance : IDisposable
    {
        private readonly SoakScenarios _soak;

        public Disturbance(SoakScenarios soak)
        {
            _soak = soak;
            Interlocked.Increment(ref soak._disturbances);
        }

        public void Dispose() => Interlocked.Decrement(ref _soak._disturbances);
    }
}
