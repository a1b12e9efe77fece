using MeshOperator.Api.Policies;
using MeshOperator.Settings;

namespace MeshOperator.Webhooks;

/// <summary>Checks of a gradual shift make the operator call what a user of the namespace wrote: Services of the namespace, and what the
/// operator's option lists.</summary>
internal sealed class TrafficSplitPlacement(CheckHosts hosts) : IPolicyPlacement<TrafficSplitSpec>
{
    public string? FindRefusal(TrafficSplitSpec spec, string ns)
    {
        var rules = spec.Rules?.Select((rule, i) => (FormattableString.Invariant($"spec.rules[{i}].shift"), rule.Shift)) ?? [];
        return rules
            .Prepend(("spec.shift", spec.Shift))
            .Select(shift => shift.Shift is { } wanted ? FindRefusal(shift.Item1, wanted, ns) : null)
            .FirstOrDefault(refusal => refusal is not null);
    }

    private string? FindRefusal(string field, GradualShift shift, string ns)
    {
        for (var i = 0; i < shift.Checks.Count; i++)
        {
            var (kind, text) = shift.Checks[i].Webhook is { } webhook
                ? ("webhook", webhook.Url)
                : ("prometheus", shift.Checks[i].Prometheus?.Url);
            if (text is not null && CheckUrl.TryParse(text, out var url, out _) && hosts.FindRefusal(url, ns) is { } refusal)
                return FormattableString.Invariant($"{field}.checks[{i}].{kind}.url: {refusal}");
        }

        return null;
    }
}
