using MeshOperator.Kubernetes.Queue;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

public sealed class WorkQueueTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly WorkQueue<string> _queue;

    public WorkQueueTests() => _queue = new WorkQueue<string>(_time, new FixedRandom());

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _queue.Dispose();

    [Fact]
    public async Task A_key_that_is_added_twice_is_taken_once()
    {
        _queue.Add("a");
        _queue.Add("a");
        _queue.Add("b");

        (await _queue.TakeAsync(Cancellation)).ShouldBe("a");
        (await _queue.TakeAsync(Cancellation)).ShouldBe("b");
        _queue.Count.ShouldBe(0);
    }

    [Fact]
    public async Task A_key_that_is_added_while_it_is_processed_comes_again_only_when_it_is_done()
    {
        _queue.Add("a");
        await _queue.TakeAsync(Cancellation);
        _queue.Add("a");
        _queue.Add("b");

        (await _queue.TakeAsync(Cancellation)).ShouldBe("b");
        var next = _queue.TakeAsync(Cancellation).AsTask();
        next.IsCompleted.ShouldBeFalse();
        _queue.Done("a");
        (await next).ShouldBe("a");
    }

    [Fact]
    public async Task A_delayed_key_comes_at_the_earliest_of_its_times()
    {
        _queue.AddAfter("a", TimeSpan.FromSeconds(10));
        _queue.AddAfter("a", TimeSpan.FromSeconds(2));
        var next = _queue.TakeAsync(Cancellation).AsTask();

        _time.Advance(TimeSpan.FromSeconds(1.9));
        next.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(0.2));
        (await next).ShouldBe("a");
        _queue.Done("a");
        _time.Advance(TimeSpan.FromSeconds(20));
        _queue.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Pauses_after_failures_double_until_the_key_is_forgotten()
    {
        foreach (var milliseconds in new[] { 50, 100, 200 })
        {
            _queue.AddAfterFailure("a");
            var next = _queue.TakeAsync(Cancellation).AsTask();
            _time.Advance(TimeSpan.FromMilliseconds(milliseconds - 1));
            next.IsCompleted.ShouldBeFalse();
            _time.Advance(TimeSpan.FromMilliseconds(1));
            await next;
            _queue.Done("a");
        }

        _queue.Forget("a");
        _queue.AddAfterFailure("a");
        var again = _queue.TakeAsync(Cancellation).AsTask();
        _time.Advance(TimeSpan.FromMilliseconds(50));
        await again;
    }

    [Fact]
    public async Task A_closed_queue_gives_out_what_waits_and_then_ends()
    {
        _queue.Add("a");
        _queue.Close();
        _queue.Add("b");

        (await _queue.TakeAsync(Cancellation)).ShouldBe("a");
        _queue.Done("a");
        await Should.ThrowAsync<System.Threading.Channels.ChannelClosedException>(async () => await _queue.TakeAsync(Cancellation));
    }

    [Fact]
    public async Task A_closed_queue_gives_out_again_what_came_during_its_work_and_drops_what_is_delayed()
    {
        _queue.Add("a");
        _queue.AddAfter("late", TimeSpan.FromSeconds(1));
        await _queue.TakeAsync(Cancellation);
        _queue.Add("a");
        _queue.Close();
        _time.Advance(TimeSpan.FromSeconds(2));
        _queue.Done("a");

        (await _queue.TakeAsync(Cancellation)).ShouldBe("a");
        _queue.Done("a");
        await Should.ThrowAsync<System.Threading.Channels.ChannelClosedException>(async () => await _queue.TakeAsync(Cancellation));
    }

    [Fact]
    public async Task A_very_long_delay_is_kept()
    {
        _queue.AddAfter("a", TimeSpan.FromDays(100));
        var next = _queue.TakeAsync(Cancellation).AsTask();
        for (var day = 0; day < 99; day++)
            _time.Advance(TimeSpan.FromDays(1));
        next.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromDays(1));
        (await next).ShouldBe("a");
    }

    [Fact]
    public async Task A_queue_with_a_name_is_measured()
    {
        using var metrics = new Measurements("queue", "measured");
        using var queue = new WorkQueue<string>(_time, new FixedRandom(), name: "measured");
        queue.Add("a");
        queue.Add("a");
        queue.Add("b");
        metrics.Last("meshoperator.workqueue.depth").ShouldBe(2);
        _time.Advance(TimeSpan.FromSeconds(3));
        await queue.TakeAsync(Cancellation);
        _time.Advance(TimeSpan.FromSeconds(2));
        queue.AddAfterFailure("a");
        queue.Done("a");

        metrics.Last("meshoperator.workqueue.depth").ShouldBe(1);
        metrics.Sum("meshoperator.workqueue.adds").ShouldBe(2);
        metrics.Sum("meshoperator.workqueue.retries").ShouldBe(1);
        metrics.Sum("meshoperator.workqueue.queue.duration").ShouldBe(3);
        metrics.Sum("meshoperator.workqueue.work.duration").ShouldBe(2);
    }

    [Fact]
    public async Task No_key_is_lost_or_processed_twice_at_once_under_many_workers()
    {
        const int keys = 50;
        var added = new int[keys];
        var seen = new int[keys];
        var running = new int[keys];
        var wanted = 0;
        var overlaps = 0;
        using var queue = new WorkQueue<int>(TimeProvider.System, new FixedRandom());
        var workers = Enumerable
            .Range(0, 8)
            .Select(_ =>
                Task.Run(async () =>
                {
                    while (true)
                    {
                        int key;
                        try
                        {
                            key = await queue.TakeAsync(Cancellation);
                        }
                        catch (System.Threading.Channels.ChannelClosedException)
                        {
                            return;
                        }

                        if (Interlocked.Increment(ref running[key]) > 1)
                            Interlocked.Increment(ref overlaps);
                        Volatile.Write(ref seen[key], Volatile.Read(ref added[key]));
                        await Task.Yield();
                        Interlocked.Decrement(ref running[key]);
                        queue.Done(key);
                    }
                })
            )
            .ToArray();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 20_000),
            Cancellation,
            (i, _) =>
            {
                Interlocked.Increment(ref added[i % keys]);
                Interlocked.Increment(ref wanted);
                queue.Add(i % keys);
                return ValueTask.CompletedTask;
            }
        );

        await Testing.Eventually.Succeeds(() => seen.ShouldBe(added));
        queue.Close();
        await Task.WhenAll(workers);
        overlaps.ShouldBe(0);
        wanted.ShouldBe(added.Sum());
    }

    private sealed class FixedRandom() : Random(1)
    {
        public override double NextDouble() => 0;
    }
}
