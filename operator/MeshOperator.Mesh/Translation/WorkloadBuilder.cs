using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Makes the workloads of pods with a proxy.</summary>
internal sealed class WorkloadBuilder
{
    // Pods of one deployment have equal profiles: sharing the record makes later comparisons quick.
    private readonly Dictionary<InboundProfile, InboundProfile> _profiles = [];

    /// <summary>The workloads of a snapshot.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="modes">The policies of mutual TLS.</param>
    /// <param name="limits">The bounds on requests.</param>
    /// <param name="backends">What pods serve.</param>
    /// <param name="before">The workloads of the snapshot before.</param>
    /// <param name="touched">The only pods of which something may be other than before; null when it may be of all.</param>
    public ImmutableDictionary<WorkloadName, MeshWorkload> Of(
        ClusterSnapshot snapshot,
        MtlsModes modes,
        RateLimitIndex limits,
        BackendMemory backends,
        ImmutableDictionary<WorkloadName, MeshWorkload> before,
        IReadOnlySet<ObjectName>? touched)
    {
        // Profiles that nobody has any more are few beside workloads, and forgotten when they are not.
        if (touched is null || _profiles.Count > before.Count + touched.Count) _profiles.Clear();
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

            var profile = pod.IsDirectAltogether
                ? InboundProfile.Nothing
                : Profile(modes.Of(name.Namespace, pod), backends.Served.Of(name), pod.HasIpv6, port => limits.Of(name.Namespace, pod, port.Services), snapshot.Revisions.GetValueOrDefault(name));
            if (!_profiles.TryAdd(profile, profile)) profile = _profiles[profile];
            workloads[workload] = new MeshWorkload
            {
                Name = workload,
                ServiceAccount = pod.ServiceAccount,
                Identity = Spiffe.Identity(snapshot.TrustDomain, name.Namespace, pod.ServiceAccount),
                Scope = scopes.Of(name.Namespace, pod),
                IsExplicitProxy = pod.IsDirectAltogether,
                Inbound = profile,
            };
        }

        return workloads.ToImmutable();
    }

    private static InboundProfile Profile(
        MtlsModes.Candidate? policy, SortedDictionary<int, ServedPort> served, bool hasIpv6, Func<ServedPort, RateLimitIndex.Candidate?> limitsOf, ValueList<PortRevision>? revisions)
    {
        var policies = new SortedSet<PolicyKey>(PolicyKeyOrder.Instance);
        if (policy is not null) policies.Add(policy.Key);
        var ports = new SortedDictionary<int, InboundPort>();
        foreach (var (number, port) in served)
        {
            var limits = InboundPort.IsBytes(port.Protocol, policy?.ModeOf(number) ?? MtlsMode.Permissive) ? null : limitsOf(port);
            if (limits is not null) policies.Add(limits.Key);
            ports.Add(number, Inbound(number, port.Protocol) with { Limits = limits?.Limits ?? [] });
        }

        foreach (var number in policy?.Ports ?? []) ports.TryAdd(number, Inbound(number, PortProtocol.Detect));
        return new InboundProfile(policy?.DefaultMode ?? MtlsMode.Permissive, ports.Values.ToValueList(), policies.ToValueList())
        {
            DefaultAccess = policy?.Access.Of(port: null),
            DefaultRevision = RevisionOf(0, isHttp: false),
            HasIpv6 = hasIpv6,
            Tls = policy?.Tls ?? TlsBounds.Default,
        };

        InboundPort Inbound(int number, PortProtocol protocol) =>
            new(number, protocol, policy?.ModeOf(number) ?? MtlsMode.Permissive, policy?.Access.Of(number)) { Revision = RevisionOf(number, isHttp: false), StreamRevision = RevisionOf(number, isHttp: true) };

        int RevisionOf(int number, bool isHttp)
        {
            foreach (var known in revisions ?? [])
            {
                if (known.Port == number && known.IsHttp == isHttp) return known.Revision;
            }

            return 0;
        }
    }
}
