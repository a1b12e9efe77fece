using System.Globalization;
using k8s.Models;

namespace MeshOperator.Checks.Installation;

/// <summary>Whether the operator is of this version, runs, and has a leader.</summary>
internal static class OperatorCheck
{
    private const string Container = "operator";
    private const string VersionLabel = "app.kubernetes.io/version";

    public static Finding Missing(string name, string ns) =>
        Finding.Error(
            CheckNames.Replicas,
            $"there is no Deployment {name} in namespace {ns}; install the chart, or name its namespace with --operator-namespace"
        );

    /// <param name="deployment">The operator's Deployment.</param>
    /// <param name="version">The version of this program.</param>
    public static Finding FindVersion(V1Deployment deployment, string version)
    {
        var image = deployment.Spec.Template.Spec.Containers.FirstOrDefault(c => c.Name == Container)?.Image ?? string.Empty;
        var running = ReadTag(image) ?? deployment.GetLabel(VersionLabel);
        if (running is null)
            return Finding.Warning(CheckNames.Version, $"the operator's image {image} names no version; use a tag to see which one runs");
        return running == version
            ? Finding.Ok(CheckNames.Version, $"operator and meshop are of version {version}")
            : Finding.Warning(
                CheckNames.Version,
                $"the operator is of version {running} and this meshop of {version}; use meshop {running}, or upgrade the operator"
            );
    }

    public static Finding FindReplicas(V1Deployment deployment)
    {
        var wanted = deployment.Spec.Replicas ?? 1;
        var ready = deployment.Status?.ReadyReplicas ?? 0;
        var name = deployment.Metadata.Name;
        if (wanted == 0)
            return Finding.Error(CheckNames.Replicas, $"Deployment {name} is scaled to 0; scale it to at least 2");
        if (ready == 0)
            return Finding.Error(CheckNames.Replicas, $"no replica of {name} is ready; look at kubectl describe deployment {name}");
        if (ready < wanted)
            return Finding.Warning(
                CheckNames.Replicas,
                $"{ready} of {wanted} replicas of {name} are ready; look at kubectl describe deployment {name}"
            );
        return wanted == 1
            ? Finding.Warning(CheckNames.Replicas, "the operator has one replica: while it restarts, no meshed pod starts; use at least 2")
            : Finding.Ok(CheckNames.Replicas, $"{ready} of {wanted} replicas are ready");
    }

    /// <param name="lease">The leader's Lease; null when there is none.</param>
    /// <param name="now">The time by the API server's clock.</param>
    public static Finding FindLeader(V1Lease? lease, DateTimeOffset now)
    {
        if (lease?.Spec is not { HolderIdentity: { Length: > 0 } holder, RenewTime: { } renewed })
            return Finding.Error(CheckNames.Leader, "no replica is the leader, so no status is written; look at the operator's log");
        var age = now - new DateTimeOffset(DateTime.SpecifyKind(renewed, DateTimeKind.Utc));
        var seconds = Math.Max(0, age.TotalSeconds).ToString("0", CultureInfo.InvariantCulture);
        return age > TimeSpan.FromSeconds(lease.Spec.LeaseDurationSeconds ?? 15)
            ? Finding.Error(
                CheckNames.Leader,
                $"the leader {holder} renewed its Lease {seconds} s ago, so no status is written; look at the operator's log"
            )
            : Finding.Ok(CheckNames.Leader, $"{holder} is the leader, and renewed its Lease {seconds} s ago");
    }

    /// <summary>The tag of an image without its <c>v</c>; null for one that begins otherwise than a version.</summary>
    private static string? ReadTag(string image)
    {
        var name = image.Split('@')[0];
        var tag = name[(name.LastIndexOf('/') + 1)..].Split(':').ElementAtOrDefault(1)?.TrimStart('v');
        return tag is { Length: > 0 } && char.IsAsciiDigit(tag[0]) ? tag : null;
    }
}
