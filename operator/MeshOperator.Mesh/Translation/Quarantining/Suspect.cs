using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation.Quarantining;

/// <summary>An object of a snapshot that may be what makes a translation fail.</summary>
/// <param name="Kind">Its kind: <see cref="Service"/>, <see cref="Pod"/>, or a policy's.</param>
/// <param name="Name">Its name.</param>
/// <param name="Policy">The kind of a policy; null for others.</param>
public sealed record Suspect(string Kind, ObjectName Name, PolicyKind? Policy)
{
    /// <summary>The kind of services; their endpoint slices come with them.</summary>
    public const string Service = "Service";

    /// <summary>The kind of pods.</summary>
    public const string Pod = "Pod";

    /// <summary>For people: <c>TrafficSplit shop/web</c>.</summary>
    public override string ToString() => $"{Kind} {Name}";

    /// <summary>All objects of a snapshot, policies last: of several objects that fail only together the last is named, and a policy is
    /// what its owner can do without.</summary>
    public static IEnumerable<Suspect> FindAll(ClusterSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return snapshot
            .Services.Keys.Order()
            .Select(name => new Suspect(Service, name, null))
            .Concat(snapshot.Pods.Keys.Order().Select(name => new Suspect(Pod, name, null)))
            .Concat(
                PolicyKinds.All.SelectMany(kind => snapshot.Policies[kind].Keys.Order().Select(name => new Suspect(kind.Name, name, kind)))
            );
    }

    /// <summary>What a snapshot knows of the object; null when it is not there. What was not changed is the same instance.</summary>
    public object? Find(ClusterSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return Kind switch
        {
            Service => snapshot.Services.GetValueOrDefault(Name),
            Pod => snapshot.Pods.GetValueOrDefault(Name),
            _ => snapshot.Policies[Policy!].GetValueOrDefault(Name),
        };
    }

    /// <summary>A snapshot without the object.</summary>
    public ClusterSnapshot RemoveFrom(ClusterSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return Kind switch
        {
            Service => snapshot with
            {
                Services = snapshot.Services.Remove(Name),
                EndpointSlices = snapshot.EndpointSlices.RemoveRange(
                    snapshot
                        .EndpointSlices.Where(slice => slice.Key.Namespace == Name.Namespace && slice.Value.Service == Name.Name)
                        .Select(slice => slice.Key)
                        .ToList()
                ),
            },
            Pod => snapshot with { Pods = snapshot.Pods.Remove(Name) },
            _ => snapshot with { Policies = snapshot.Policies.Without(Policy!, Name) },
        };
    }

    /// <summary>A snapshot with the object as it is in another one.</summary>
    public ClusterSnapshot Copy(ClusterSnapshot from, ClusterSnapshot to)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        return Kind switch
        {
            Service => to with
            {
                Services = to.Services.SetItem(Name, from.Services[Name]),
                EndpointSlices = to.EndpointSlices.SetItems(
                    from.EndpointSlices.Where(slice => slice.Key.Namespace == Name.Namespace && slice.Value.Service == Name.Name)
                ),
            },
            Pod => to with { Pods = to.Pods.SetItem(Name, from.Pods[Name]) },
            _ => to with { Policies = to.Policies.Take(Policy!, Name, from.Policies) },
        };
    }
}
