using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Replicas;
using MeshOperator.Testing;
using MeshOperator.Xds.Server;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary>When a replica sends its proxies to the others.</summary>
public sealed class IsolationTests : IAsyncLifetime
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(2);
    private readonly CountedTime _time = new();
    private readonly Election _election;
    private readonly StreamDrain _drain;
    private readonly Isolation _isolation;
    private int _looks;

    public IsolationTests()
    {
        _election = new Election(_time);
        var lifetime = new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance);
        _drain = new StreamDrain(lifetime, Options.Create(new XdsServerOptions()), _time);
        _isolation = new Isolation(new ApiContact(_election, _time), new OthersReach(), _drain, _time, NullLogger<Isolation>.Instance);
    }

    public async ValueTask InitializeAsync()
    {
        await _isolation.StartAsync(TestContext.Current.CancellationToken);
        await Eventually.Succeeds(() => _time.Delays.ShouldBe(1));
    }

    public async ValueTask DisposeAsync()
    {
        await _isolation.StopAsync(CancellationToken.None);
        _isolation.Dispose();
        _drain.Dispose();
    }

    [Fact]
    public async Task Replica_that_alone_gets_no_answers_sends_its_proxies_away_until_it_is_answered()
    {
        await LookAfterAsync(TimeSpan.FromSeconds(11));
        await LookAfterAsync(Look);
        _isolation.IsCutOff.ShouldBeTrue();
        _drain.Reason.ShouldNotBeNull();

        _election.Answer();
        await LookAfterAsync(Look);
        _isolation.IsCutOff.ShouldBeFalse();
        _drain.Reason.ShouldBeNull();
    }

    [Fact]
    public async Task Replica_that_was_paused_keeps_its_proxies_when_it_is_answered_again()
    {
        await LookAfterAsync(TimeSpan.FromMinutes(1));
        _election.Answer();
        await LookAfterAsync(Look);
        await LookAfterAsync(Look);

        _isolation.IsCutOff.ShouldBeFalse();
        _drain.Reason.ShouldBeNull();
    }

    /// <summary>Lets time pass, and waits until the replica has looked at its end.</summary>
    private async Task LookAfterAsync(TimeSpan pause)
    {
        _time.Advance(pause);
        _looks++;
        await Eventually.Succeeds(() => _time.Delays.ShouldBe(_looks + 1));
    }

    /// <summary>Counts how often somebody began to wait.</summary>
    private sealed class CountedTime : FakeTimeProvider
    {
        private int _delays;

        public int Delays => Volatile.Read(ref _delays);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Interlocked.Increment(ref _delays);
            return timer;
        }
    }

    private sealed class Election(TimeProvider time) : ILeadership
    {
        private long _answered = time.GetTimestamp();

        public event Action? Changed
        {
            add { }
            remove { }
        }

        public bool IsLeader => false;

        public long? LastAnswer => Volatile.Read(ref _answered);

        public void Answer() => Volatile.Write(ref _answered, time.GetTimestamp());
    }

    private sealed class OthersReach : IPeerContacts
    {
        public Task<bool> ReachApiServerAsync(TimeSpan within, CancellationToken cancellation) => Task.FromResult(true);
    }
}
