using System.Collections.Immutable;

namespace MeshOperator.LocalCluster.Kinds;

/// <summary>All kinds served at this moment: the built-in ones and those of custom resource definitions.</summary>
internal sealed class KindRegistry
{
    private readonly Lock _changing = new();
    private volatile State _state;

    public KindRegistry(IEnumerable<ResourceKind> builtin) => _state = State.FromKinds([.. builtin]);

    /// <summary>Grows with every change; names the version of the discovery and OpenAPI documents.</summary>
    public long Revision => _state.Revision;

    public IReadOnlyList<ResourceKind> All => _state.All;

    public ResourceKind? Find(string group, string version, string plural) => _state.ByResource.GetValueOrDefault((group, version, plural));

    public ResourceKind? FindByKind(string group, string version, string kind) =>
        _state.All.FirstOrDefault(k => k.Group == group && k.Version == version && k.Kind == kind);

    /// <summary>Any served version of a resource.</summary>
    public ResourceKind? FindByKind(string apiVersion, string kind)
    {
        var slash = apiVersion.IndexOf('/');
        return slash < 0 ? FindByKind("", apiVersion, kind) : FindByKind(apiVersion[..slash], apiVersion[(slash + 1)..], kind);
    }

    public ResourceKind Builtin(string group, string plural) =>
        _state.All.First(k => k.Group == group && k.Plural == plural && !k.IsCustom);

    /// <summary>The versions of a group, best first.</summary>
    public IReadOnlyList<string> Versions(string group) =>
        [.. _state.All.Where(k => k.Group == group).Select(k => k.Version).Distinct().Order(VersionPriority.Instance)];

    /// <summary>The named groups in order: the built-in ones first.</summary>
    public IReadOnlyList<string> Groups() =>
        [.. _state.All.Where(k => k.Group.Length > 0).OrderBy(k => k.IsCustom).Select(k => k.Group).Distinct()];

    /// <summary>Replaces the versions of one custom resource; an empty list removes it.</summary>
    public void ReplaceCustom(string group, string plural, IReadOnlyList<ResourceKind> versions)
    {
        lock (_changing)
        {
            var kept = _state.All.RemoveAll(k => k.IsCustom && k.Group == group && k.Plural == plural);
            _state = State.FromKinds(kept.AddRange(versions)) with { Revision = _state.Revision + 1 };
        }
    }

    private sealed record State(
        ImmutableList<ResourceKind> All,
        Dictionary<(string Group, string Version, string Plural), ResourceKind> ByResource,
        long Revision
    )
    {
        public static State FromKinds(ImmutableList<ResourceKind> all) =>
            new(all, all.ToDictionary(k => (k.Group, k.Version, k.Plural)), 1);
    }
}
