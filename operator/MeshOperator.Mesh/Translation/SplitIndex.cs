using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Finds the TrafficSplit of each service's port. Of two that want the same port the oldest wins.</summary>
internal sealed class SplitIndex
{
    private readonly Dictionary<ObjectName, List<Candidate>> _byService = [];

    public SplitIndex(ClusterSnapshot snapshot, VerdictBuilder verdicts)
    {
        foreach (var (key, _, spec) in snapshot.Policies.GetActive(PolicyKinds.TrafficSplit))
        {
            var service = new ObjectName(key.Namespace, spec.Service);
            if (!IsThere(snapshot, service, spec.Port, out var missing))
            {
                verdicts.TargetNotFound(key, missing);
                continue;
            }

            if (!_byService.TryGetValue(service, out var candidates)) _byService[service] = candidates = [];
            if (candidates.Find(other => other.Spec.Port is null || spec.Port is null || other.Spec.Port == spec.Port) is { } older)
            {
                verdicts.Conflict(key, $"{older.Key} is older and splits the same service '{spec.Service}'; delete one of them or give each a port of its own");
                continue;
            }

            verdicts.TargetFound(key);
            if (spec.Rules is not null && ProtocolDetection.AreTcp(snapshot.Services[service].Ports.Where(p => spec.Port is null || p.Port == spec.Port)))
                verdicts.Unresolved(key, "UnsupportedProtocol", $"spec.rules: the service '{spec.Service}' has only TCP ports there, with no requests to match; use spec.backends, or declare HTTP with appProtocol if it is");
            candidates.Add(new Candidate(key, spec));
        }
    }

    /// <summary>The split of a port, or null.</summary>
    public Candidate? Of(ObjectName service, int port) =>
        _byService.TryGetValue(service, out var candidates) ? candidates.Find(c => c.Spec.Port is null || c.Spec.Port == port) : null;

    private static bool IsThere(ClusterSnapshot snapshot, ObjectName service, int? port, out string missing)
    {
        missing = string.Empty;
        if (!snapshot.Services.TryGetValue(service, out var found))
            missing = $"spec.service: the service '{service.Name}' does not exist in namespace '{service.Namespace}'";
        else if (found.IsExternalName)
            missing = $"spec.service: the service '{service.Name}' is an ExternalName, which has no traffic of its own to split";
        else if (port is not null && !found.Ports.Any(p => p.Port == port))
            missing = $"spec.port: the service '{service.Name}' has no TCP port {port} ({PortTexts.Numbers(snapshot, service, found, port.Value)})";
        return missing.Length == 0;
    }

    internal sealed record Candidate(PolicyKey Key, TrafficSplitSpec Spec);
}
