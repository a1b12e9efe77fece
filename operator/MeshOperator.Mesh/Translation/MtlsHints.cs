using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using SpecRule = MeshOperator.Api.Policies.AccessRule;

namespace MeshOperator.Mesh.Translation;

/// <summary>Notes what of a MtlsPolicy can hardly be meant, as it would lock out those whom it names: identities that nobody can have, ports that
/// no pod serves, and requests where only bytes are known. And denied callers that are too many for a handshake. What is enforced does not depend on it.</summary>
internal sealed class MtlsHints(ClusterSnapshot snapshot, VerdictBuilder verdicts)
{
    /// <summary>Notes it. To be called when it is known what pods serve.</summary>
    public void Note(MtlsModes modes, ServedPorts served)
    {
        foreach (var policy in modes.All)
        {
            NoteIdentities(policy);
            if (DeniedCallers.Warning(policy.Access) is { } warning) verdicts.Note(policy.Key, warning);
        }

        var byPods = modes.All.Where(NeedsPods).ToDictionary(policy => policy.Key, policy => (Policy: policy, Pods: new SelectedPods()));
        if (byPods.Count == 0) return;
        foreach (var (name, pod) in snapshot.Pods)
        {
            if (!pod.HasProxy || pod.IsDirectAltogether || modes.Of(name.Namespace, pod) is not { } policy || !byPods.TryGetValue(policy.Key, out var found)) continue;
            found.Pods.Add(pod, served.Of(name), policy);
        }

        foreach (var (policy, pods) in byPods.Values.Where(found => found.Pods.Any))
        {
            NotePorts(policy, pods);
            NoteTcp(policy, pods);
        }
    }

    private static bool NeedsPods(MtlsModes.Candidate policy) => policy.Ports.Any() || (policy.Spec.Allow ?? []).Exists(NeedsHttp);

    private static bool NeedsHttp(SpecRule rule) => rule.Methods is { Count: > 0 } || rule.Paths is { Count: > 0 };

    private static bool IsFor(SpecRule rule, int port) => rule.Ports is not { Count: > 0 } ports || ports.Contains(port);

    private static IEnumerable<(string Field, SpecRule Rule)> Rules(MtlsPolicySpec spec) =>
        (spec.Allow ?? []).Select((rule, i) => ($"spec.allow[{i}]", rule)).Concat((spec.Deny ?? []).Select((rule, i) => ($"spec.deny[{i}]", rule)));

    private void NoteIdentities(MtlsModes.Candidate policy)
    {
        var own = $"spiffe://{snapshot.TrustDomain}/";
        foreach (var (field, rule) in Rules(policy.Spec))
        {
            foreach (var (i, identity) in (rule.Identities ?? []).Index())
            {
                // A beginning may be so short that it leaves the trust domain open.
                if (identity.StartsWith(own, StringComparison.Ordinal) || (identity.EndsWith('*') && own.StartsWith(identity[..^1], StringComparison.Ordinal))) continue;
                verdicts.Unresolved(policy.Key, "TrustDomainMismatch", $"{field}.identities[{i}]: '{identity}' is of another trust domain than the mesh's, '{snapshot.TrustDomain}', so no caller has it; write {own}ns/NAMESPACE/sa/ACCOUNT");
            }
        }
    }

    private void NotePorts(MtlsModes.Candidate policy, SelectedPods pods)
    {
        var named = Rules(policy.Spec).SelectMany(r => (r.Rule.Ports ?? []).Select(port => ($"{r.Field}.ports", Port: port)))
            .Concat((policy.Spec.PortModes?.Keys ?? Enumerable.Empty<string>()).Select(port => ("spec.portModes", Port: int.Parse(port, System.Globalization.CultureInfo.InvariantCulture))).OrderBy(p => p.Port));
        foreach (var (field, port) in named.Where(p => !pods.Serve(p.Port)))
        {
            var fix = pods.Targets(snapshot, port) is { } service
                ? $"{port} is the port of the service '{service.Name}', whose targetPort in the pods is {string.Join(" or ", service.Targets)}; write that"
                : $"they serve {pods.Text}; write the number of the pods' own port, or declare it as a containerPort if they do";
            verdicts.Unresolved(policy.Key, "PortNotFound", $"{field}: no pod with a sidecar that the policy holds for serves port {port}: {fix}");
        }
    }

    private void NoteTcp(MtlsModes.Candidate policy, SelectedPods pods)
    {
        var allow = policy.Spec.Allow ?? [];
        foreach (var (i, rule) in allow.Index())
        {
            if (!NeedsHttp(rule)) continue;
            // A rule for all ports is for those with requests, unless the others would be left to nobody.
            var closed = pods.Tcp.Where(IsClosed).ToList();
            var unseen = pods.Unseen.Where(IsClosed).ToList();
            if (unseen.Count > 0)
            {
                verdicts.Unresolved(
                    policy.Key,
                    "UnsupportedProtocol",
                    $"spec.allow[{i}]: by methods or paths nobody can be allowed on port {string.Join(", ", unseen)}: its protocol is not declared, and where mutual "
                    + "TLS is Disabled only bytes are seen then; declare HTTP with appProtocol");
            }

            if (closed.Count > 0)
                verdicts.Unresolved(policy.Key, "UnsupportedProtocol", $"spec.allow[{i}]: by methods or paths nobody can be allowed on port {string.Join(", ", closed)}, which is TCP; allow callers there by a rule without them, or declare HTTP with appProtocol if it is");

            bool IsClosed(int port) => rule.Ports?.Contains(port) == true || (IsFor(rule, port) && !allow.Exists(other => IsFor(other, port) && !NeedsHttp(other)));
        }
    }

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

        public string Text => _ports.Count == 0 ? "none that is known" : string.Join(", ", _ports.Keys);

        public void Add(PodRecord pod, SortedDictionary<int, ServedPort> served, MtlsModes.Candidate policy)
        {
            Any = true;
            foreach (var port in pod.ContainerPorts.Where(port => !served.ContainsKey(port))) _ports[port] = PortProtocol.Detect;
            foreach (var (number, port) in served)
            {
                _ports[number] = _ports.TryGetValue(number, out var known) && known != port.Protocol ? PortProtocol.Detect : port.Protocol;
                if (port.Protocol is PortProtocol.Detect && policy.ModeOf(number) is MtlsMode.Disabled) _unseen.Add(number);
                foreach (var (service, name) in port.Services) _services.Add((service, name, number));
            }
        }

        public bool Serve(int port) => _ports.ContainsKey(port);

        /// <summary>The service that has a port of this number, and what it is in the pods; null when there is none.</summary>
        public (string Name, List<int> Targets)? Targets(ClusterSnapshot snapshot, int number)
        {
            var found = _services.Where(s => snapshot.Services.TryGetValue(s.Service, out var service) && service.Ports.Any(p => p.Name == s.PortName && p.Port == number)).ToList();
            if (found.Count == 0) return null;
            var first = found.Min(s => s.Service);
            return (first.Name, [.. found.Where(s => s.Service == first).Select(s => s.Target).Distinct().Order()]);
        }
    }
}
