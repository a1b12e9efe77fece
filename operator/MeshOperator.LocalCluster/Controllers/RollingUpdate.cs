using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>
/// The next sizes of a deployment's replica sets, so that there are never more pods than maxSurge allows and never fewer
/// available ones than maxUnavailable allows.
/// </summary>
internal sealed record RollingUpdate(long Wanted, long MaxSurge, long MaxUnavailable)
{
    public static RollingUpdate FromDeployment(JsonObject deployment)
    {
        var wanted = deployment.At("spec.replicas").AsInteger() ?? 1;
        var strategy = deployment.At("spec.strategy.rollingUpdate");
        var surge = Pods((strategy as JsonObject)?["maxSurge"], wanted, up: true);
        var unavailable = Pods((strategy as JsonObject)?["maxUnavailable"], wanted, up: false);

        // Both nothing could never move.
        return new RollingUpdate(wanted, surge, surge == 0 && unavailable == 0 ? 1 : unavailable);
    }

    /// <summary>Which set is to have how many pods now; the change of their states brings the next step.</summary>
    public IEnumerable<(JsonObject Set, long Replicas)> Next(JsonObject current, IReadOnlyList<JsonObject> old)
    {
        var size = Size(current);
        var total = size + old.Sum(Size);
        var grown = size >= Wanted ? Wanted : size + Math.Clamp(Wanted + MaxSurge - total, 0, Wanted - size);
        if (grown != size)
            yield return (current, grown);

        var spare = total - size + grown - (Wanted - MaxUnavailable) - Math.Max(0, grown - Available(current));
        if (spare <= 0)
            yield break;

        // What does not run anyway goes first; of what is available only as much as can be spared.
        var available = Available(current) + old.Sum(Available);
        var sparable = Math.Max(0, available - (Wanted - MaxUnavailable));
        foreach (var set in old)
        {
            var broken = Math.Min(Math.Max(0, Size(set) - Available(set)), spare);
            spare -= broken;
            var healthy = Math.Min(Math.Min(Size(set) - broken, sparable), spare);
            sparable -= healthy;
            spare -= healthy;
            if (broken + healthy > 0)
                yield return (set, Size(set) - broken - healthy);
        }
    }

    private static long Size(JsonObject set) => set.At("spec.replicas").AsInteger() ?? 1;

    private static long Available(JsonObject set) => set.At("status.availableReplicas").AsInteger() ?? 0;

    private static long Pods(JsonNode? given, long wanted, bool up)
    {
        if (given.AsInteger() is { } number)
            return number;
        if (!int.TryParse((given.AsText() ?? "25%").TrimEnd('%'), NumberStyles.None, CultureInfo.InvariantCulture, out var percent))
            return 0;
        return up ? ((wanted * percent) + 99) / 100 : wanted * percent / 100;
    }
}
