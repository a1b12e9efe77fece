using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Ports;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>Finds the TrafficSplit of each service's port. Of two that want the same port the oldest wins.</summary>
internal sealed class SplitIndex
{
    private readonly Dictionary<ObjectName, List<ActivePolicy<TrafficSplitSpec>>> _byService;

    private SplitIndex(Dictionary<ObjectName, List<ActivePolicy<TrafficSplitSpec>>> byService) => _byService = byService;

    public static Found<SplitIndex> Create(ClusterSnapshot snapshot)
    {
        var byService = new Dictionary<ObjectName, List<ActivePolicy<TrafficSplitSpec>>>();
        var findings = new List<PolicyFinding>();
        foreach (var policy in snapshot.Policies.GetActive(PolicyKinds.TrafficSplit))
        {
            var service = new ObjectName(policy.Key.Namespace, policy.Spec.Service);
            if (FindMissing(snapshot, service, policy.Spec.Port) is { } missing)
            {
                findings.Add(new TargetMissing(policy.Key, missing));
                continue;
            }

            if (!byService.TryGetValue(service, out var splits))
                byService[service] = splits = [];
            if (splits.Find(other => HavePortInCommon(other.Spec, policy.Spec)) is { } older)
            {
                findings.Add(new Conflicted(policy.Key, SplitMessages.OlderSplit(older.Key, policy.Spec.Service)));
                continue;
            }

            findings.Add(new TargetFound(policy.Key));
            if (
                policy.Spec.Rules is not null
                && ProtocolDetection.AreTcp(
                    snapshot.Services[service].Ports.Where(p => policy.Spec.Port is null || p.Port == policy.Spec.Port)
                )
            )
                findings.Add(
                    new Unresolved(policy.Key, ConditionReasons.UnsupportedProtocol, SplitMessages.RulesOnTcp(policy.Spec.Service))
                );
            splits.Add(policy);
        }

        return new Found<SplitIndex>(new SplitIndex(byService), findings);
    }

    /// <summary>The split of a port, or null.</summary>
    public ActivePolicy<TrafficSplitSpec>? Find(ObjectName service, int port) =>
        _byService.TryGetValue(service, out var splits) ? splits.Find(split => split.Spec.Port is null || split.Spec.Port == port) : null;

    private static bool HavePortInCommon(TrafficSplitSpec a, TrafficSplitSpec b) => a.Port is null || b.Port is null || a.Port == b.Port;

    private static string? FindMissing(ClusterSnapshot snapshot, ObjectName service, int? port)
    {
        if (!snapshot.Services.TryGetValue(service, out var found))
            return $"spec.service: the service '{service.Name}' does not exist in namespace '{service.Namespace}'";
        if (found.IsExternalName)
            return $"spec.service: the service '{service.Name}' is an ExternalName, which has no traffic of its own to split";
        return port is null || found.Ports.Any(p => p.Port == port)
            ? null
            : $"spec.port: the service '{service.Name}' has no TCP port {port} ({PortTexts.Numbers(snapshot, service, found, port.Value)})";
    }
}
