using System.Globalization;
using k8s.Models;

namespace MeshOperator.EndToEnd.Cluster;

/// <summary>The next sizes of a Deployment's ReplicaSets, within <c>maxSurge</c> and <c>maxUnavailable</c>.</summary>
internal static class RollingUpdate
{
    public static IEnumerable<(V1ReplicaSet Set, int Replicas)> Next(
        V1Deployment deployment,
        V1ReplicaSet current,
        IReadOnlyList<V1ReplicaSet> old,
        Func<V1ReplicaSet, IReadOnlyList<V1Pod>> findPods
    )
    {
        var wanted = deployment.Spec.Replicas ?? 1;
        var strategy = deployment.Spec.Strategy?.RollingUpdate;
        var surge = Pods(strategy?.MaxSurge, wanted, up: true);
        var unavailable = Pods(strategy?.MaxUnavailable, wanted, up: false);
        if (surge == 0 && unavailable == 0)
            unavailable = 1;

        var size = current.Spec.Replicas ?? 1;
        var others = old.Sum(s => s.Spec.Replicas ?? 1);
        var grown = others == 0 ? wanted : Math.Max(size, Math.Min(wanted, wanted + surge - others));
        yield return (current, grown);

        var spare = findPods(current).Count(p => p.IsReady()) + old.Sum(s => findPods(s).Count(p => p.IsReady())) - (wanted - unavailable);
        foreach (var set in old)
        {
            var has = set.Spec.Replicas ?? 1;
            var broken = Math.Max(0, has - findPods(set).Count(p => p.IsReady()));
            var healthy = Math.Clamp(spare, 0, has - broken);
            spare -= healthy;
            if (broken + healthy > 0)
                yield return (set, has - broken - healthy);
        }
    }

    private static int Pods(IntOrString? given, int wanted, bool up)
    {
        var text = given?.Value ?? "25%";
        if (!text.EndsWith('%'))
            return int.Parse(text, CultureInfo.InvariantCulture);
        var percent = int.Parse(text.TrimEnd('%'), CultureInfo.InvariantCulture);
        return up ? ((wanted * percent) + 99) / 100 : wanted * percent / 100;
    }
}
