using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

public sealed class LeaseElectionTests(EmbeddedApiServer server) : IDisposable
{
    private static readonly LeaderElectionOptions Quick = new()
    {
        LeaseDuration = TimeSpan.FromSeconds(5),
        RenewDeadline = TimeSpan.FromSeconds(3),
        RenewInterval = TimeSpan.FromSeconds(0.8),
        RetryInterval = TimeSpan.FromSeconds(0.2),
    };

    private readonly List<IDisposable> _owned = [];
    private readonly RecordedLog<LeaseElection> _log = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        foreach (var one in _owned)
            one.Dispose();
    }

    [Fact]
    public async Task Another_replica_takes_over_within_three_seconds_of_a_clean_stop()
    {
        var ns = await server.NamespaceAsync();
        var first = Candidate(ns, "first", new LeaderElectionOptions());
        var second = Candidate(ns, "second", new LeaderElectionOptions());
        await first.StartAsync(Cancellation);
        await Eventually.Succeeds(() => first.IsLeader.ShouldBeTrue());
        var term = first.Term;
        await second.StartAsync(Cancellation);

        var stopped = Stopwatch.StartNew();
        await first.StopAsync(Cancellation);
        first.IsLeader.ShouldBeFalse();
        term.IsCancellationRequested.ShouldBeTrue();
        await Eventually.Succeeds(() => second.IsLeader.ShouldBeTrue(), TimeSpan.FromSeconds(10));
        var taken = stopped.Elapsed;
        taken.ShouldBeLessThan(TimeSpan.FromSeconds(3));
        TestContext.Current.TestOutputHelper?.WriteLine($"taken after {taken.TotalSeconds:0.00} s");
        second.Term.IsCancellationRequested.ShouldBeFalse();
        _log.At(LogLevel.Warning).ShouldBeEmpty();
        await second.StopAsync(Cancellation);
    }

    [Fact]
    public async Task A_replica_that_is_cut_off_steps_down_before_another_takes_over_within_the_leases_duration()
    {
        var ns = await server.NamespaceAsync();
        var cable = new Cable();
        var first = Candidate(ns, "first", Quick, cable);
        var second = Candidate(ns, "second", Quick);
        await first.StartAsync(Cancellation);
        await Eventually.Succeeds(() => first.IsLeader.ShouldBeTrue());
        await second.StartAsync(Cancellation);
        var reported = new ConcurrentQueue<string>();
        first.Changed += () => reported.Enqueue($"first {first.IsLeader}");
        second.Changed += () => reported.Enqueue($"second {second.IsLeader}");

        cable.IsCut = true;
        var cut = Stopwatch.StartNew();
        await Eventually.Succeeds(
            () =>
            {
                (first.IsLeader && second.IsLeader).ShouldBeFalse();
                second.IsLeader.ShouldBeTrue();
            },
            TimeSpan.FromSeconds(15)
        );
        cut.Elapsed.ShouldBeLessThan(Quick.LeaseDuration);
        // Who leads is reported a moment after it is so.
        await Eventually.Succeeds(() => reported.ShouldBe(["first False", "second True"]));
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"taken after {cut.Elapsed.TotalSeconds:0.00} s of a lease of {Quick.LeaseDuration.TotalSeconds:0} s"
        );

        // The old leader comes back and finds another.
        cable.IsCut = false;
        (await first.ConfirmAsync(Cancellation)).ShouldBeFalse();
        (await second.ConfirmAsync(Cancellation)).ShouldBeTrue();
        await first.StopAsync(Cancellation);
        await second.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Only_one_of_many_leads()
    {
        var ns = await server.NamespaceAsync();
        var all = Enumerable.Range(0, 6).Select(i => Candidate(ns, $"replica-{i}", Quick)).ToArray();
        await Parallel.ForEachAsync(all, Cancellation, async (candidate, token) => await candidate.StartAsync(token));
        await Eventually.Succeeds(() => all.Count(c => c.IsLeader).ShouldBe(1));
        var leader = all.Single(c => c.IsLeader);
        await leader.StopAsync(Cancellation);
        await Eventually.Succeeds(() => all.Count(c => c.IsLeader).ShouldBe(1));
        foreach (var one in all)
            await one.StopAsync(Cancellation);
    }

    [Fact]
    public async Task A_leader_whose_renewal_hangs_steps_down_in_time()
    {
        var (time, api) = (new FakeTimeProvider(), new ScriptedApiServer());
        _owned.Add(api);
        api.Answer("""{"code":404}""", HttpStatusCode.NotFound).Answer(Lease("me", 1), HttpStatusCode.Created);
        for (var i = 0; i < 20; i++)
            api.Hang();
        var election = Scripted(api, time);
        var changed = 0;
        election.Changed += () => Interlocked.Increment(ref changed);
        await election.StartAsync(Cancellation);
        await Eventually.Succeeds(() => Volatile.Read(ref changed).ShouldBe(1));
        election.IsLeader.ShouldBeTrue();

        for (var i = 0; i < 99; i++)
            time.Advance(TimeSpan.FromSeconds(0.1));
        election.IsLeader.ShouldBeTrue();
        time.Advance(TimeSpan.FromSeconds(0.2));
        election.IsLeader.ShouldBeFalse();
        changed.ShouldBe(2);
        election.Term.IsCancellationRequested.ShouldBeTrue();
    }

    [Fact]
    public async Task A_foreign_write_to_the_lease_does_not_cost_the_leadership()
    {
        var (time, api) = (new FakeTimeProvider(), new ScriptedApiServer());
        _owned.Add(api);
        api.Answer("""{"code":404}""", HttpStatusCode.NotFound)
            .Answer(Lease("me", 1), HttpStatusCode.Created)
            .Answer(Lease("me", 1))
            .Answer("""{"reason":"Conflict","code":409}""", HttpStatusCode.Conflict)
            .Answer(Lease("me", 2))
            .Answer(Lease("me", 3));
        var election = Scripted(api, time);
        var changed = 0;
        election.Changed += () => Interlocked.Increment(ref changed);
        await election.StartAsync(Cancellation);
        await Eventually.Succeeds(() => Volatile.Read(ref changed).ShouldBe(1));
        election.IsLeader.ShouldBeTrue();

        (await election.ConfirmAsync(Cancellation)).ShouldBeTrue();
        api.Requests.Count.ShouldBe(6);
        changed.ShouldBe(1);
    }

    [Theory]
    [InlineData(15, 15, 4, 1)]
    [InlineData(15, 10, 10, 1)]
    [InlineData(15, 10, 1, 2)]
    [InlineData(15.5, 10, 4, 1)]
    public void Times_that_do_not_fit_together_are_refused(double duration, double deadline, double interval, double retry)
    {
        using var api = new ScriptedApiServer();
        var options = new LeaderElectionOptions
        {
            LeaseDuration = TimeSpan.FromSeconds(duration),
            RenewDeadline = TimeSpan.FromSeconds(deadline),
            RenewInterval = TimeSpan.FromSeconds(interval),
            RetryInterval = TimeSpan.FromSeconds(retry),
        };
        Should.Throw<ArgumentException>(() =>
            new LeaseElection(
                new EntityClient<V1Lease>(api.Transport(TimeProvider.System)),
                new ObjectKey("ns", "l"),
                "me",
                TimeProvider.System,
                _log,
                options
            )
        );
    }

    private LeaseElection Candidate(string ns, string identity, LeaderElectionOptions options, params DelegatingHandler[] handlers)
    {
        var client = server.Client(handlers);
        var election = new LeaseElection(
            new EntityClient<V1Lease>(new KubernetesTransport(client, TimeProvider.System)),
            new ObjectKey(ns, "leader"),
            identity,
            TimeProvider.System,
            _log,
            options
        );
        _owned.Add(election);
        _owned.Add(client);
        return election;
    }

    private LeaseElection Scripted(ScriptedApiServer api, TimeProvider time)
    {
        var election = new LeaseElection(new EntityClient<V1Lease>(api.Transport(time)), new ObjectKey("ns", "leader"), "me", time, _log);
        _owned.Add(election);
        return election;
    }

    private static string Lease(string holder, int version) =>
        $$$"""
            {"metadata":{"name":"leader","namespace":"ns","resourceVersion":"{{{version}}}"},"spec":{"holderIdentity":"{{{holder}}}",
            "leaseDurationSeconds":15}}
            """;
}
