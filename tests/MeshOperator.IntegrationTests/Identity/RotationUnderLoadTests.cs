using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using k8s.Models;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Faults;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Identity;

/// <summary>Operators as processes that are killed while the root is rotated under 200 proxies that make connections all the
/// time.</summary>
public sealed partial class RotationUnderLoadTests(TestCluster cluster)
{
    private const int Proxies = 200;
    private const int Callers = 2;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private readonly List<OperatorProcess> _operators = [];
    private string _namespace = string.Empty;
    private int _turn;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_rotations_with_the_leader_killed_in_each_phase_fail_no_handshake()
    {
        await using var own = await TestNamespace.CreateAsync(cluster);
        _namespace = own.Name;
        await using var ns = await TestNamespace.CreateAsync(cluster);
        var bundle = new ObjectKey(ns.Name, "mesh-trust-bundle");
        try
        {
            _operators.Add(OperatorProcess.Start(cluster, own.Name));
            await Eventually.Succeeds(() => Port(_operators[0]).ShouldNotBeNull(), Patience);
            _operators.Add(OperatorProcess.Start(cluster, own.Name));
            var roots = string.Empty;
            await Eventually.Succeeds(
                async () => roots = (await cluster.Entities<V1ConfigMap>().GetAsync(bundle, Cancellation)).ShouldNotBeNull().Data["ca.crt"],
                Patience
            );

            await using var proxies = new MeshProxies(cluster, ns, roots, AnyPort);
            for (var i = 0; i < Proxies; i++)
                await proxies.StartAsync($"p{i}");
            await Eventually.Succeeds(() => proxies.All.ShouldAllBe(p => p.Current != null), Patience);
            await StatusAsync(s => s.Phase.ShouldBe("Stable"));
            var thumbprints = proxies.All.Select(p => p.Current!.Certificate.Thumbprint).ToHashSet();
            thumbprints.Count.ShouldBe(Proxies, "two proxies have the same certificate");

            using var stopping = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var failures = new ConcurrentQueue<string>();
            var callers = Enumerable.Range(0, Callers).Select(i => CallAsync(proxies, i, failures, stopping.Token)).ToArray();

            await RotateAsync(proxies, killing: true);
            await RotateAsync(proxies, killing: false);

            await stopping.CancelAsync();
            var handshakes = (await Task.WhenAll(callers)).Sum();
            failures.ShouldBeEmpty();
            handshakes.ShouldBeGreaterThan(1000);
            var last = (await cluster.Entities<V1ConfigMap>().GetAsync(bundle, Cancellation))!.Data["ca.crt"];
            proxies.All.ShouldAllBe(p => p.Current!.Roots == last);
            thumbprints.Overlaps(proxies.All.Select(p => p.Current!.Certificate.Thumbprint)).ShouldBeFalse();
            TestContext.Current.SendDiagnosticMessage(
                $"{handshakes} handshakes, {proxies.All.Sum(p => p.Streams)} streams of {Proxies} proxies"
            );
        }
        finally
        {
            foreach (var process in _operators)
                await process.DisposeAsync();
            await cluster.Entities<MeshCertificateAuthority>().DeleteAsync(new ObjectKey(string.Empty, "mesh"), CancellationToken.None);
        }
    }

    /// <summary>Rotates the root; one proxy holds each phase, in which the leader is killed if asked for.</summary>
    private async Task RotateAsync(MeshProxies proxies, bool killing)
    {
        var (slow, request) = (proxies["p7"], Guid.NewGuid().ToString());
        slow.Hold();
        await cluster
            .Entities<MeshCertificateAuthority>()
            .MergePatchAsync(
                new ObjectKey(string.Empty, "mesh"),
                new JsonObject
                {
                    ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { ["meshoperator.io/rotate"] = request } },
                },
                Cancellation
            );
        foreach (var phase in new[] { "DistributingTrust", "Signing", "Retiring" })
        {
            await HeldAsync(phase, slow);
            if (killing)
            {
                var leader = await KillLeaderAsync();
                await Eventually.Succeeds(async () => (await LeaderAsync()).ShouldNotBeOneOf(leader, "nobody"), Patience);
                await HeldAsync(phase, slow);
            }

            slow.Release();
        }

        slow.EndHolding();
        await StatusAsync(s => (s.Phase, s.LastRotation).ShouldBe(("Stable", request)));
    }

    private Task HeldAsync(string phase, SimulatedProxy slow) =>
        StatusAsync(s =>
        {
            s.Phase.ShouldBe(phase);
            s.ProxiesTrusting.ShouldBe($"{Proxies - 1}/{Proxies}");
            s.Holding.ShouldNotBeNull().ShouldHaveSingleItem().Name.ShouldBe(slow.NodeId);
        });

    /// <summary>Kills who leads and starts another in its place.</summary>
    private async Task<string> KillLeaderAsync()
    {
        var leader = await LeaderAsync();
        // Who leads has logged its own name.
        var process = _operators.Single(p => !p.HasExited && p.Output.Contains(leader, StringComparison.Ordinal));
        await process.KillAsync();
        _operators.Add(OperatorProcess.Start(cluster, _namespace));
        return leader;
    }

    private async Task<string> LeaderAsync() =>
        (await cluster.Entities<V1Lease>().GetAsync(new ObjectKey(_namespace, "mesh-operator-leader"), Cancellation))
            .ShouldNotBeNull()
            .Spec.HolderIdentity
        ?? "nobody";

    private static int? Port(OperatorProcess process) =>
        XdsPort().Match(process.Output) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    private static async Task<int> CallAsync(MeshProxies proxies, int seed, ConcurrentQueue<string> failures, CancellationToken stopping)
    {
        var (random, made) = (new Random(seed), 0);
        while (!stopping.IsCancellationRequested)
        {
            var (client, server) = (proxies.All[random.Next(Proxies)], proxies.All[random.Next(Proxies)]);
            try
            {
                await SimulatedProxy.HandshakeAsync(client, server, stopping);
                made++;
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested) { }
            catch (Exception e) when (e is System.Security.Authentication.AuthenticationException or IOException)
            {
                failures.Enqueue($"{client.NodeId} to {server.NodeId}: {e.Message}");
            }
        }

        return made;
    }

    /// <summary>The port of some operator that is alive; proxies spread over all.</summary>
    private int AnyPort()
    {
        var ports = _operators.ToArray().Where(p => !p.HasExited).Select(Port).OfType<int>().ToArray();
        return ports.Length == 0 ? 1 : ports[(int)((uint)Interlocked.Increment(ref _turn) % ports.Length)];
    }

    private Task StatusAsync(Action<MeshCertificateAuthorityStatus> assert) =>
        Eventually.Succeeds(
            async () =>
                assert(
                    (await cluster.Entities<MeshCertificateAuthority>().GetAsync(new ObjectKey(string.Empty, "mesh"), Cancellation))
                        .ShouldNotBeNull()
                        .Status.ShouldNotBeNull()
                ),
            Patience
        );

    [GeneratedRegex("\"Xds\":\"[^\"]*:([0-9]+)\"")]
    private static partial Regex XdsPort();
}
