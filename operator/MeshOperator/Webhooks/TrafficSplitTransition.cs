using MeshOperator.Api.Policies;

namespace MeshOperator.Webhooks;

/// <summary>A gradual shift cannot be taken away without saying where the traffic goes then: backends without weights would share it
/// equally from one moment to the next.</summary>
internal sealed class TrafficSplitTransition : IPolicyTransition<TrafficSplitSpec>
{
    public string? FindRefusal(TrafficSplitSpec before, TrafficSplitSpec after)
    {
        if (before.Shift is not null && after is { Shift: null, Backends: { } backends } && !HaveWeights(backends))
            return Refuse("spec.shift", "spec.backends[].weight");
        if (before.Rules is not { } old || after.Rules is not { } rules)
            return null;
        for (var i = 0; i < rules.Count; i++)
        {
            var name = TrafficSplitDefaults.ResolveName(rules[i], i);
            var isShifted = old.Where((rule, at) => rule.Shift is not null && TrafficSplitDefaults.ResolveName(rule, at) == name).Any();
            if (isShifted && rules[i].Shift is null && !HaveWeights(rules[i].Backends))
                return Refuse(
                    FormattableString.Invariant($"spec.rules[{i}].shift"),
                    FormattableString.Invariant($"spec.rules[{i}].backends[].weight")
                );
        }

        return null;
    }

    private static bool HaveWeights(List<TrafficSplitBackend> backends) => backends.TrueForAll(backend => backend.Weight is not null);

    private static string Refuse(string shift, string weights) =>
        $"{shift} is removed, but the backends have no weights, so that each would get the same share at once; set {weights} of each "
        + "backend to what it is to get, for example 0 and 100";
}
