using System.Collections.Frozen;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>Gathers which resources carry a policy's effect.</summary>
internal sealed class PolicyResources
{
    private readonly Dictionary<PolicyKey, List<(ResourceType Type, string Name)>> _policies = [];

    public void Add(IEnumerable<PolicyKey> policies, XdsResource resource)
    {
        foreach (var policy in policies)
        {
            if (!_policies.TryGetValue(policy, out var resources))
                _policies.Add(policy, resources = []);
            resources.Add((resource.Type, resource.Name));
        }
    }

    public FrozenDictionary<PolicyKey, IReadOnlyList<(ResourceType Type, string Name)>> ToDictionary() =>
        _policies.ToFrozenDictionary(entry => entry.Key, entry => (IReadOnlyList<(ResourceType Type, string Name)>)entry.Value);
}
