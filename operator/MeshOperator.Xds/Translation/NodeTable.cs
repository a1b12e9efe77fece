using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Inbound;
using MeshOperator.Xds.Translation.Scopes;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation;

/// <summary>What workloads have of their own, immutable. What a table is made of the one before is only what was replaced.</summary>
internal sealed class NodeTable
{
    private NodeTable() { }

    public static NodeTable Empty { get; } = new();

    public ImmutableDictionary<WorkloadName, NodeEntry> Nodes { get; private init; } = ImmutableDictionary<WorkloadName, NodeEntry>.Empty;

    /// <summary>The profiles that workloads have.</summary>
    public ImmutableDictionary<InboundProfile, ProxyResources> Profiles { get; private init; } =
        ImmutableDictionary<InboundProfile, ProxyResources>.Empty;

    /// <summary>Another object where other workloads are in <see cref="Nodes"/>, whatever they have.</summary>
    public object Names { get; private init; } = new();

    /// <summary>How many workloads have a scope.</summary>
    public ImmutableDictionary<ProxyScope, int> Scopes { get; private init; } = ImmutableDictionary<ProxyScope, int>.Empty;

    /// <summary>Where <see cref="Names"/> are those of the table before: what identifies that table, and which workloads have another entry
    /// since. The table itself is not kept, nor those before it.</summary>
    private (object Before, IReadOnlyList<WorkloadName> Names)? Replaced { get; init; }

    private object Identity { get; } = new();

    /// <summary>How many workloads have a profile.</summary>
    private ImmutableDictionary<InboundProfile, int> Users { get; init; } = ImmutableDictionary<InboundProfile, int>.Empty;

    /// <summary>The table of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="previous">The configuration before.</param>
    /// <param name="scoped">What is sent by scope.</param>
    /// <param name="create">Makes the resources of a profile that no workload had.</param>
    public static NodeTable Create(
        MeshModel model,
        EnvoyConfiguration previous,
        ScopedResources scoped,
        Func<InboundProfile, ProxyResources> create
    )
    {
        if (previous.TrustDomain != model.TrustDomain)
            return new Builder(model, scoped, Empty, create).Build(model.Workloads.Keys);
        var names = scoped.KeepNodes ? model.FindReplaced(previous.Workloads) : model.Workloads.Keys.Union(previous.Workloads.Keys);
        return new Builder(model, scoped, previous.NodeTable, create).Build(names);
    }

    /// <summary>The workloads that have another entry than in the table before; null when this one was not made of that, or has other
    /// workloads.</summary>
    public IReadOnlyList<WorkloadName>? FindReplaced(NodeTable before) =>
        Replaced is var (table, names) && ReferenceEquals(table, before.Identity) ? names : null;

    private sealed class Builder(MeshModel model, ScopedResources scoped, NodeTable before, Func<InboundProfile, ProxyResources> create)
    {
        private readonly ImmutableDictionary<WorkloadName, NodeEntry>.Builder _nodes = before.Nodes.ToBuilder();
        private readonly ImmutableDictionary<InboundProfile, ProxyResources>.Builder _profiles = before.Profiles.ToBuilder();
        private readonly ImmutableDictionary<InboundProfile, int>.Builder _users = before.Users.ToBuilder();
        private readonly ImmutableDictionary<ProxyScope, int>.Builder _scopes = before.Scopes.ToBuilder();
        private readonly Dictionary<InboundProfile, ProxyResources> _seen = new(ReferenceEqualityComparer.Instance);
        private readonly LimitMembers _members = new();
        private readonly Dictionary<ProxyResources, int> _more = new(ReferenceEqualityComparer.Instance);
        private readonly List<WorkloadName> _replaced = [];
        private bool _hasOtherNames;

        public NodeTable Build(IEnumerable<WorkloadName> names)
        {
            foreach (var name in names)
            {
                var old = _nodes.GetValueOrDefault(name);
                var current = model.Workloads.TryGetValue(name, out var workload) ? Entry(workload) : null;
                _hasOtherNames |= old is null != current is null;
                Count(current?.Own, 1);
                Count(old?.Own, -1);
                if (current?.Scope != old?.Scope)
                {
                    Count(current?.Scope, 1);
                    Count(old?.Scope, -1);
                }

                if (current == old)
                    continue;
                _replaced.Add(name);
                if (current is null)
                    _nodes.Remove(name);
                else
                    _nodes[name] = current;
            }

            if (_replaced.Count == 0)
                return before;
            CountUsers();
            return new NodeTable
            {
                Nodes = _nodes.ToImmutable(),
                Profiles = _profiles.ToImmutable(),
                Users = _users.ToImmutable(),
                Scopes = _scopes.ToImmutable(),
                Names = _hasOtherNames ? new object() : before.Names,
                Replaced = _hasOtherNames ? null : (before.Identity, _replaced),
            };
        }

        private NodeEntry Entry(MeshWorkload workload)
        {
            var scope = ProxyScope.ForWorkload(workload, scoped.FindPlace(workload));
            var own = workload.ExplicitProxy is { Inbound: null } ? ProxyResources.None : Own(workload.Inbound);
            var shared = scope is null ? null : scoped.ForScope(scope);
            return new NodeEntry(workload.Name, workload.Identity, own, scope, shared, _members.Find(workload.Sharing));
        }

        /// <summary>Most workloads share a profile, and an equal one is in most cases the same object.</summary>
        private ProxyResources Own(InboundProfile profile)
        {
            if (_seen.TryGetValue(profile, out var own))
                return own;
            if (!_profiles.TryGetValue(profile, out own))
                _profiles.Add(profile, own = create(profile));
            return _seen[profile] = own;
        }

        private void Count(ProxyResources? own, int more)
        {
            if (own is not null && !ReferenceEquals(own, ProxyResources.None))
                _more[own] = _more.GetValueOrDefault(own) + more;
        }

        private void Count(ProxyScope? scope, int more)
        {
            if (scope is null)
                return;
            var users = _scopes.GetValueOrDefault(scope) + more;
            if (users > 0)
                _scopes[scope] = users;
            else
                _scopes.Remove(scope);
        }

        /// <summary>Forgets the profiles that no workload has any more.</summary>
        private void CountUsers()
        {
            foreach (var (own, more) in _more)
            {
                var users = _users.GetValueOrDefault(own.Profile) + more;
                if (users > 0)
                {
                    _users[own.Profile] = users;
                    continue;
                }

                _users.Remove(own.Profile);
                _profiles.Remove(own.Profile);
            }
        }
    }
}
