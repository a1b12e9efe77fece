using System.Text.Json;
using System.Text.Json.Serialization;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Shifts.Asking;

/// <summary>Asks those outside of the mesh whom checks name, once an interval while a step runs, and keeps what they answered. Never waits
/// for an answer.</summary>
internal sealed class OutsideChecks(
    CheckClient client,
    AskPlace place,
    CheckMetrics metrics,
    TimeProvider time,
    ILogger<OutsideChecks> logger
) : IDisposable
{
    private const int MostAtOnce = 16;

    /// <summary>So that slow servers of one namespace do not keep others from being asked.</summary>
    private const int MostOfNamespaceAtOnce = 4;

    private readonly Lock _gate = new();
    private readonly Dictionary<Key, Entry> _entries = [];
    private readonly Dictionary<string, int> _inFlight = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();

    /// <summary>What was answered in the present step, by the place of the check. Asks those whose turn it is.</summary>
    public IReadOnlyDictionary<int, CheckAnswers> Take(AskedStep step, ClusterSnapshot snapshot, MeshModel served)
    {
        var cluster = new AskedCluster(snapshot, served, place);
        var answers = new Dictionary<int, CheckAnswers>();
        for (var at = 0; at < step.Shift.Wanted.Checks.Count; at++)
        {
            var check = step.Shift.Wanted.Checks[at];
            if (ShiftJudge.IsAsked(check))
                answers[at] = Take(new Key(step.Split, step.Shift.Rule, at), check, step, cluster);
        }

        return answers;
    }

    /// <summary>Keeps nothing of splits that are gone.</summary>
    public void Keep(Predicate<ObjectName> isThere)
    {
        lock (_gate)
        {
            foreach (var gone in _entries.Keys.Where(key => !isThere(key.Split)).ToList())
                _entries.Remove(gone);
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    private CheckAnswers Take(Key key, ShiftCheck check, AskedStep step, AskedCluster cluster)
    {
        lock (_gate)
        {
            if (step.State.AcknowledgedAt is not { } acknowledged || step.Shift.Wanted.Suspend == true)
            {
                _entries.Remove(key);
                return CheckAnswers.None;
            }

            var text = JsonSerializer.Serialize(check, CheckJson.Default.ShiftCheck);
            if (!_entries.TryGetValue(key, out var entry) || entry.AcknowledgedAt != acknowledged || entry.Check != text)
                _entries[key] = entry = new Entry(acknowledged, text);
            var now = time.GetUtcNow();
            if (!entry.IsInFlight && now >= entry.NextAt && !IsOver(entry.Answers, check, step) && Reserve(key.Split.Namespace))
            {
                entry.IsInFlight = true;
                entry.NextAt = now + CheckQuestions.FindInterval(check);
                var turn = entry.Turn++;
                _ = Task.Run(() => AskAsync(entry, check, step, cluster, turn), _stop.Token);
            }

            return entry.Answers;
        }
    }

    /// <summary>Whether the shift ends or stops for the check, so that no other answer matters.</summary>
    private static bool IsOver(CheckAnswers answers, ShiftCheck check, AskedStep step) =>
        step.Shift.Wanted.DryRun != true && answers.HaveFailed(CheckQuestions.FindThreshold(check));

    private async Task AskAsync(Entry entry, ShiftCheck check, AskedStep step, AskedCluster cluster, int turn)
    {
        var answer = new CheckAnswer(ShiftOutcome.Inconclusive, "the url cannot be read");
        try
        {
            if (CheckQuestions.Write(check, step) is { } request)
                answer = CheckQuestions.Read(check, await client.AskAsync(cluster, step.Split.Namespace, request, turn, _stop.Token));
        }
        catch (OperationCanceledException)
        {
            return;
        }
#pragma warning disable CA1031 // Whatever an answer does, the shift goes on, and says why it cannot be judged.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Log.CheckFailed(logger, exception, step.Split.ToString());
            answer = new CheckAnswer(ShiftOutcome.Inconclusive, "the answer could not be read; see the operator's log");
        }
        finally
        {
            lock (_gate)
            {
                entry.IsInFlight = false;
                entry.Answers = entry.Answers.Add(answer);
                Release(step.Split.Namespace);
            }
        }

        metrics.Count(check, answer);
    }

    private bool Reserve(string ns)
    {
        var ofNamespace = _inFlight.GetValueOrDefault(ns);
        if (ofNamespace >= MostOfNamespaceAtOnce || _inFlight.Values.Sum() >= MostAtOnce)
            return false;
        _inFlight[ns] = ofNamespace + 1;
        return true;
    }

    private void Release(string ns)
    {
        if (_inFlight[ns] == 1)
            _inFlight.Remove(ns);
        else
            _inFlight[ns]--;
    }

    private readonly record struct Key(ObjectName Split, string Rule, int At);

    private sealed class Entry(DateTimeOffset acknowledgedAt, string check)
    {
        public DateTimeOffset AcknowledgedAt => acknowledgedAt;

        public string Check => check;

        public CheckAnswers Answers { get; set; } = CheckAnswers.None;

        public DateTimeOffset NextAt { get; set; }

        public bool IsInFlight { get; set; }

        public int Turn { get; set; }
    }
}

[JsonSerializable(typeof(ShiftCheck))]
internal sealed partial class CheckJson : JsonSerializerContext;
