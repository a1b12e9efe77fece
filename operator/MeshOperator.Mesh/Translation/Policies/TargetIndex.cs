using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Ports;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>A policy among those of its kind.</summary>
internal interface IRanked
{
    PolicyKey Key { get; }

    /// <summary>Of two the one with the lower rank is older.</summary>
    int Rank { get; }
}

/// <summary>Policies by what they name as targets. Of several on one target the one that was added first has it.</summary>
internal sealed class TargetIndex<TPolicy>
    where TPolicy : class, IRanked
{
    private readonly Dictionary<(PolicyTargetKind Kind, ObjectName Name, string? Section), TPolicy> _byTarget = [];

    /// <summary>Adds a policy.</summary>
    /// <returns>Which of its targets exist, are missing or are taken.</returns>
    public IReadOnlyList<PolicyFinding> Add(
        ClusterSnapshot snapshot,
        PolicyKey key,
        IReadOnlyList<PolicyTargetReference> references,
        TPolicy policy
    )
    {
        var findings = new List<PolicyFinding>();
        for (var i = 0; i < references.Count; i++)
        {
            var reference = references[i];
            var field = $"spec.targetRefs[{i}]";
            var target = (reference.Kind, new ObjectName(key.Namespace, reference.Name), reference.SectionName);
            if (FindMissing(snapshot, key.Namespace, reference) is { } missing)
                findings.Add(new TargetMissing(key, $"{field}: {missing}"));
            else if (_byTarget.TryAdd(target, policy))
                findings.Add(new TargetFound(key));
            else
                findings.Add(
                    new Conflicted(
                        key,
                        $"{field}: {_byTarget[target].Key} is older and has the same target; delete one of them or choose another target"
                    )
                );
        }

        return findings;
    }

    /// <summary>Finds the targets that are only opaque bytes, of which the policy can know nothing.</summary>
    /// <param name="snapshot">The cluster.</param>
    /// <param name="key">The policy.</param>
    /// <param name="references">Its targets.</param>
    /// <param name="lack">What TCP lacks.</param>
    public static IEnumerable<PolicyFinding> FindTcp(
        ClusterSnapshot snapshot,
        PolicyKey key,
        IReadOnlyList<PolicyTargetReference> references,
        string lack
    )
    {
        for (var i = 0; i < references.Count; i++)
        {
            var reference = references[i];
            if (
                reference.Kind != PolicyTargetKind.Service
                || !snapshot.Services.TryGetValue(new ObjectName(key.Namespace, reference.Name), out var service)
            )
                continue;
            var ports = service.Ports.Where(p => reference.SectionName is not { } section || p.Name == section);
            if (ProtocolDetection.AreTcp(ports))
            {
                yield return new Unresolved(
                    key,
                    ConditionReasons.UnsupportedProtocol,
                    $"spec.targetRefs[{i}]: the targeted ports of the service '{reference.Name}' are TCP and have {lack}; declare "
                        + "HTTP with appProtocol if they carry HTTP"
                );
            }
        }
    }

    public TPolicy? Find(PolicyTargetKind kind, ObjectName name, string? section) => _byTarget.GetValueOrDefault((kind, name, section));

    /// <summary>The policy of a service's port: on the port, or else on the service.</summary>
    public TPolicy? FindForPort(ObjectName service, string portName) =>
        (portName.Length > 0 ? Find(PolicyTargetKind.Service, service, portName) : null) ?? Find(PolicyTargetKind.Service, service, null);

    private static string? FindMissing(ClusterSnapshot snapshot, string ns, PolicyTargetReference reference)
    {
        var name = new ObjectName(ns, reference.Name);
        if (reference.Kind == PolicyTargetKind.Service)
        {
            if (!snapshot.Services.TryGetValue(name, out var service))
                return $"the service '{reference.Name}' does not exist in namespace '{ns}'";
            if (service.IsExternalName)
                return $"the service '{reference.Name}' is an ExternalName, whose traffic does not pass through the mesh";
            return reference.SectionName is null || service.Ports.Any(p => p.Name == reference.SectionName)
                ? null
                : $"the service '{reference.Name}' has no port named '{reference.SectionName}' ({PortTexts.Names(service)})";
        }

        if (snapshot.Policies.Find(PolicyKinds.TrafficSplit, name) is not { } split)
            return $"the traffic split '{reference.Name}' does not exist in namespace '{ns}'";
        return reference.SectionName is null || split.Spec?.Rules?.Any(r => r.Name == reference.SectionName) == true
            ? null
            : $"the traffic split '{reference.Name}' has no rule named '{reference.SectionName}'";
    }
}
