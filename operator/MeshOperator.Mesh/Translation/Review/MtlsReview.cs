using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Endpoints;
using MeshOperator.Mesh.Translation.Policies;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Review;

/// <summary>Finds out, once it is known what pods serve, what of a MtlsPolicy can hardly be meant, as it would lock out those whom it
/// names: identities that nobody can have, ports that no pod serves, and requests where only bytes are known. And denied callers that are
/// too many for a handshake. What is enforced does not depend on it.</summary>
internal static class MtlsReview
{
    public static IEnumerable<PolicyFinding> Review(
        ClusterSnapshot snapshot,
        MtlsPolicyIndex modes,
        ServedPorts served,
        PodSelections selections
    )
    {
        var findings = new List<PolicyFinding>();
        foreach (var policy in modes.All)
        {
            findings.AddRange(FindForeignIdentities(policy, snapshot.TrustDomain));
            if (DeniedCallers.Warning(policy.Access) is { } warning)
                findings.Add(new Noted(policy.Key, warning));
        }

        foreach (var (policy, pods) in FindPods(snapshot, modes, served, selections))
        {
            findings.AddRange(FindMissingPorts(snapshot, policy, pods));
            findings.AddRange(FindTcp(policy, pods));
        }

        return findings;
    }

    /// <summary>The policies for which it matters what pods serve, with the pods for which they hold.</summary>
    private static List<(MtlsPolicyIndex.Candidate Policy, SelectedPods Pods)> FindPods(
        ClusterSnapshot snapshot,
        MtlsPolicyIndex modes,
        ServedPorts served,
        PodSelections selections
    )
    {
        var byPolicy = modes.All.Where(NeedsPods).ToDictionary(policy => policy.Key, policy => (Policy: policy, Pods: new SelectedPods()));
        if (byPolicy.Count == 0)
            return [];
        foreach (var name in FindNames(snapshot, [.. byPolicy.Values.Select(found => found.Policy)], selections))
        {
            var pod = snapshot.Pods[name];
            if (!pod.HasProxy || pod.IsDirectAltogether || modes.Find(name.Namespace, pod) is not { } policy)
                continue;
            if (byPolicy.TryGetValue(policy.Key, out var found))
                found.Pods.Add(pod, served.GetPorts(name), policy);
        }

        return [.. byPolicy.Values.Where(found => found.Pods.Any)];
    }

    /// <summary>The pods for which one of the policies may hold.</summary>
    private static IEnumerable<ObjectName> FindNames(
        ClusterSnapshot snapshot,
        List<MtlsPolicyIndex.Candidate> policies,
        PodSelections selections
    ) =>
        policies.TrueForAll(policy => policy.Spec.Selector is not null)
            ? policies.SelectMany(policy => selections.Find(policy.Key.Namespace, policy.Spec.Selector!)).Distinct()
            : snapshot.Pods.Keys;

    private static bool NeedsPods(MtlsPolicyIndex.Candidate policy) =>
        policy.Ports.Any() || policy.Access.Allow.Any(rule => rule.NeedsHttp);

    private static IEnumerable<PolicyFinding> FindForeignIdentities(MtlsPolicyIndex.Candidate policy, string trustDomain)
    {
        var own = $"spiffe://{trustDomain}/";
        foreach (var rule in policy.Access.All)
        {
            foreach (var (i, identity) in rule.Identities.Index())
            {
                // A beginning may be so short that it leaves the trust domain open.
                if (
                    identity.StartsWith(own, StringComparison.Ordinal)
                    || (identity.EndsWith('*') && own.StartsWith(identity[..^1], StringComparison.Ordinal))
                )
                    continue;
                yield return new Unresolved(
                    policy.Key,
                    ConditionReasons.TrustDomainMismatch,
                    $"{rule.Field}.identities[{i}]: '{identity}' is not in the mesh's trust domain, '{trustDomain}', so no caller has it; "
                        + $"write {own}ns/NAMESPACE/sa/SERVICE_ACCOUNT"
                );
            }
        }
    }

    private static IEnumerable<PolicyFinding> FindMissingPorts(
        ClusterSnapshot snapshot,
        MtlsPolicyIndex.Candidate policy,
        SelectedPods pods
    )
    {
        var named = policy
            .Access.All.SelectMany(rule => rule.Ports.Select(port => ($"{rule.Field}.ports", Port: port)))
            .Concat(
                policy
                    .Spec.PortModes.Keys.Select(port =>
                        ("spec.portModes", Port: int.Parse(port, System.Globalization.CultureInfo.InvariantCulture))
                    )
                    .OrderBy(p => p.Port)
            );
        foreach (var (field, port) in named.Where(p => !pods.Serve(p.Port)))
        {
            var fix = pods.Targets(snapshot, port) is { } service
                ? $"{port}, which is the port of the service '{service.Name}'; write its targetPort, {string.Join(" or ", service.Targets)}"
                : $"{port} ({pods.Text}); write the pods' own port, or declare {port} as a containerPort if they serve it";
            yield return new Unresolved(
                policy.Key,
                ConditionReasons.PortNotFound,
                $"{field}: no pod with a sidecar that the policy applies to serves port {fix}"
            );
        }
    }

    private static IEnumerable<PolicyFinding> FindTcp(MtlsPolicyIndex.Candidate policy, SelectedPods pods)
    {
        var allow = policy.Access.Allow;
        foreach (var rule in allow.Where(rule => rule.NeedsHttp))
        {
            // A rule for all ports is for those with requests, unless the others would be left to nobody.
            var closed = pods.Tcp.Where(IsClosed).ToList();
            var unseen = pods.Unseen.Where(IsClosed).ToList();
            if (unseen.Count > 0)
                yield return new Unresolved(policy.Key, ConditionReasons.UnsupportedProtocol, UnseenMessage(rule, unseen));
            if (closed.Count > 0)
                yield return new Unresolved(policy.Key, ConditionReasons.UnsupportedProtocol, TcpMessage(rule, closed));

            bool IsClosed(int port) =>
                rule.Ports.Contains(port) || (rule.IsFor(port) && !allow.Any(other => other.IsFor(port) && !other.NeedsHttp));
        }
    }

    private static string UnseenMessage(CompleteAccessRule rule, List<int> ports) =>
        $"{rule.Field}: the rule matches on methods or paths, which cannot match on port {string.Join(", ", ports)}: the "
        + "protocol is not declared, and without it "
        + "a port with mutual TLS Disabled is treated as TCP; declare HTTP with appProtocol";

    private static string TcpMessage(CompleteAccessRule rule, List<int> ports) =>
        $"{rule.Field}: the rule matches on methods or paths, which cannot match on TCP port {string.Join(", ", ports)}; add a "
        + "rule without them for that port, "
        + "or declare HTTP with appProtocol if it carries HTTP";

    /// <summary>What is known of the pods with a proxy for which a policy holds.</summary>
    private sealed class SelectedPods
    {
        private readonly SortedDictionary<int, PortProtocol> _ports = [];
        private readonly HashSet<(ObjectName Service, string PortName, int Target)> _services = [];
        private readonly SortedSet<int> _unseen = [];

        public bool Any { get; private set; }

        /// <summary>The ports that are opaque bytes on all pods.</summary>
        public IEnumerable<int> Tcp => _ports.Where(port => port.Value == PortProtocol.Tcp).Select(port => port.Key);

        /// <summary>The ports on which requests are not seen, as nothing is declared of them and mutual TLS is disabled.</summary>
        public IEnumerable<int> Unseen => _unseen;

        public string Text => _ports.Count == 0 ? "no port is known" : $"known ports: {string.Join(", ", _ports.Keys)}";

        public void Add(PodRecord pod, SortedDictionary<int, ServedPort> served, MtlsPolicyIndex.Candidate policy)
        {
            Any = true;
            foreach (var port in pod.ContainerPorts.Where(port => !served.ContainsKey(port)))
                _ports[port] = PortProtocol.Detect;
            foreach (var (number, port) in served)
            {
                _ports[number] = _ports.TryGetValue(number, out var known) && known != port.Protocol ? PortProtocol.Detect : port.Protocol;
                if (port.Protocol is PortProtocol.Detect && policy.GetMode(number) is MtlsMode.Disabled)
                    _unseen.Add(number);
                foreach (var (service, name) in port.Services)
                    _services.Add((service, name, number));
            }
        }

        public bool Serve(int port) => _ports.ContainsKey(port);

        /// <summary>The service that has a port of this number, and what it is in the pods; null when there is none.</summary>
        public (string Name, List<int> Targets)? Targets(ClusterSnapshot snapshot, int number)
        {
            var found = _services
                .Where(s =>
                    snapshot.Services.TryGetValue(s.Service, out var service)
                    && service.Ports.Any(p => p.Name == s.PortName && p.Port == number)
                )
                .ToList();
            if (found.Count == 0)
                return null;
            var first = found.Min(s => s.Service);
            return (first.Name, [.. found.Where(s => s.Service == first).Select(s => s.Target).Distinct().Order()]);
        }
    }
}
