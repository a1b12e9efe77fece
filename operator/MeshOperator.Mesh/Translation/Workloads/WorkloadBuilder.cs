using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Endpoints;
using MeshOperator.Mesh.Translation.Policies;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Workloads;

/// <summary>Makes the workloads of pods with a proxy.</summary>
internal sealed class WorkloadBuilder
{
    // Pods of one deployment have equal profiles: sharing the record makes later comparisons quick.
    private readonly Dictionary<InboundProfile, InboundProfile> _profiles = [];

    /// <summary>The workloads of a snapshot.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="policies">The policies.</param>
    /// <param name="served">What pods serve.</param>
    /// <param name="before">The workloads of the snapshot before.</param>
    /// <param name="touched">The only pods of which something may be other than before; null when it may be of all.</param>
    public ImmutableDictionary<WorkloadName, MeshWorkload> Build(
        ClusterSnapshot snapshot,
        PolicyIndexes policies,
        ServedPorts served,
        ImmutableDictionary<WorkloadName, MeshWorkload> before,
        IReadOnlySet<ObjectName>? touched
    )
    {
        // Profiles that nobody has any more are few beside workloads, and forgotten when they are not.
        if (touched is null || _profiles.Count > before.Count + touched.Count)
            _profiles.Clear();
        var workloads = (touched is null ? ImmutableDictionary<WorkloadName, MeshWorkload>.Empty : before).ToBuilder();
        var scopes = new UpstreamScopes(snapshot);
        foreach (var name in touched ?? snapshot.Pods.Keys)
        {
            var workload = new WorkloadName(name.Namespace, name.Name);
            if (!snapshot.Pods.TryGetValue(name, out var pod) || !pod.HasProxy)
            {
                workloads.Remove(workload);
                continue;
            }

            var mtls = policies.Mtls.Find(name.Namespace, pod);
            var ports = served.GetPorts(name);
            var limits = PodLimits.Find(policies.Limits, mtls, name.Namespace, pod, ports);
            var profile = pod.IsDirectAltogether
                ? InboundProfile.Nothing
                : Connect(
                    BuildProfile(mtls, ports, pod, limits, snapshot.Revisions.GetValueOrDefault(name, [])),
                    pod,
                    pod.Application?.Or(snapshot.Application) ?? snapshot.Application
                );
            if (!_profiles.TryAdd(profile, profile))
                profile = _profiles[profile];
            workloads[workload] = new MeshWorkload
            {
                Name = workload,
                ServiceAccount = pod.ServiceAccount,
                Identity = Spiffe.Identity(snapshot.TrustDomain, name.Namespace, pod.ServiceAccount),
                Place = FindPlace(snapshot, workload, pod),
                Scope = scopes.Find(name.Namespace, pod),
                ExplicitProxy = pod.ExplicitProxy,
                Sharing = !pod.IsDirectAltogether && limits.Holder?.Group is { } group ? new LimitGroup(group, []) : null,
                Inbound = profile,
            };
        }

        return workloads.ToImmutable();
    }

    private static ProxyPlace FindPlace(ClusterSnapshot snapshot, WorkloadName name, PodRecord pod)
    {
        var zone = pod.Node is { } node ? snapshot.Nodes.GetValueOrDefault(new ObjectName(string.Empty, node))?.Zone : null;
        return new ProxyPlace(pod.Node, zone, EndpointParts.Find(name));
    }

    /// <summary>The profile with how connections to the application are kept.</summary>
    private static InboundProfile Connect(InboundProfile profile, PodRecord pod, ApplicationConnection application) =>
        profile with
        {
            Application = application,
            Threads = pod.ProxyThreads,
            BoundedAddress =
                application.MaxConnections is not null || profile.Ports.Any(port => port.Queue is not null) ? pod.Address : null,
        };

    private static InboundProfile BuildProfile(
        MtlsPolicyIndex.Candidate? policy,
        SortedDictionary<int, ServedPort> served,
        PodRecord pod,
        PodLimits limits,
        ValueList<PortRevision> revisions
    )
    {
        var policies = new SortedSet<PolicyKey>(PolicyKeyOrder.Instance);
        if (policy is not null)
            policies.Add(policy.Key);
        var ports = new SortedDictionary<int, InboundPort>();
        foreach (var (number, port) in served)
        {
            if (limits.Find(number) is { } limit)
                policies.Add(limit.Key);
            ports.Add(
                number,
                Inbound(number, port.Protocol) with
                {
                    Limits = limits.GetLimits(number),
                    Queue = limits.Find(number)?.Queue,
                }
            );
        }

        // Without redirection nothing but what is declared can arrive.
        foreach (var number in pod.ExplicitProxy is { Inbound: not null } ? pod.ContainerPorts : GetPorts(policy))
            ports.TryAdd(number, Inbound(number, PortProtocol.Detect));
        if (pod.ExplicitProxy is { Inbound: not null })
        {
            foreach (var number in ports.Keys.Where(pod.IsDirect).ToList())
                ports.Remove(number);
        }

        return new InboundProfile(policy?.DefaultMode ?? MtlsMode.Permissive, ports.Values.ToValueList(), policies.ToValueList())
        {
            DefaultAccess = policy?.Access.ForPort(port: null),
            DefaultRevision = FindRevision(0, isHttp: false),
            HasIpv6 = pod.HasIpv6,
            Binding = pod.ExplicitProxy?.Inbound,
            Tls = policy?.Tls ?? TlsBounds.Default,
        };

        InboundPort Inbound(int number, PortProtocol protocol) =>
            new(number, protocol, policy?.GetMode(number) ?? MtlsMode.Permissive, policy?.Access.ForPort(number))
            {
                Revision = FindRevision(number, isHttp: false),
                StreamRevision = FindRevision(number, isHttp: true),
            };

        int FindRevision(int number, bool isHttp)
        {
            foreach (var known in revisions)
            {
                if (known.Port == number && known.IsHttp == isHttp)
                    return known.Revision;
            }

            return 0;
        }
    }

    private static IEnumerable<int> GetPorts(MtlsPolicyIndex.Candidate? policy) => policy is null ? [] : policy.Ports;
}
