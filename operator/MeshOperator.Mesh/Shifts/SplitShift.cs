using MeshOperator.Api.Policies;

namespace MeshOperator.Mesh.Shifts;

/// <summary>A gradual shift of a split.</summary>
/// <param name="Rule">The rule's name; <see cref="ShiftProgress.OfBackends"/> for that of the whole split.</param>
/// <param name="Wanted">What is wished.</param>
/// <param name="Backends">Between which backends.</param>
public sealed record SplitShift(string Rule, GradualShift Wanted, IReadOnlyList<TrafficSplitBackend> Backends)
{
    /// <summary>What it is about.</summary>
    public ShiftIdentity Identity { get; } = ShiftIdentity.From(Wanted, Backends);

    /// <summary>Whether a check compares how long requests take.</summary>
    public bool NeedsLatency => Wanted.Checks.Exists(check => check.Latency is not null);

    /// <summary>Whether a check compares how long requests take to the first byte of the response's body.</summary>
    public bool NeedsFirstByte => Wanted.Checks.Exists(check => check.Latency is { Of: LatencyPart.FirstByte });

    /// <summary>All shifts of a split.</summary>
    public static IEnumerable<SplitShift> FindAll(TrafficSplitSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec is { Shift: { } own, Backends: { } backends })
            yield return new SplitShift(ShiftProgress.OfBackends, own, backends);
        if (spec.Rules is not { } rules)
            yield break;
        for (var i = 0; i < rules.Count; i++)
        {
            if (rules[i].Shift is { } shift)
                yield return new SplitShift(TrafficSplitDefaults.ResolveName(rules[i], i), shift, rules[i].Backends);
        }
    }

    /// <summary>How far it is; null when it has not begun, or something else is written down.</summary>
    public ShiftProgress? FindProgress(IEnumerable<ShiftProgress> known) =>
        known.FirstOrDefault(progress => progress.Rule == Rule && progress.Identity.Equals(Identity));

    /// <summary>The shares of the backends, in their order. Their sum is the same whatever the target's share is.</summary>
    /// <param name="percent">The target's share, 0 to 100 percent.</param>
    public IReadOnlyList<int> Weigh(int percent)
    {
        var others = Backends.Where(backend => backend.Service != Wanted.To).Sum(TrafficSplitDefaults.ResolveWeight);
        return
        [
            .. Backends.Select(backend =>
                backend.Service == Wanted.To ? percent * others : (100 - percent) * TrafficSplitDefaults.ResolveWeight(backend)
            ),
        ];
    }

    /// <summary>The shares of the backends for people, for example <c>model-v1 90% · model-v2 10%</c>.</summary>
    /// <param name="percent">The target's share, 0 to 100 percent.</param>
    public string Describe(int percent) => TrafficSplitShares.Describe(Backends, Weigh(percent));
}
