using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;

namespace MeshOperator.Xds.Resources;

/// <summary>An immutable set of resources of one type, ordered by name. Streams that were sent the same set share it, and the
/// difference between two sets is computed once for all of them.</summary>
internal sealed class ResourceSet
{
    private const int RememberedDifferences = 8;

    private readonly XdsResource[] _items;
    private readonly FrozenDictionary<string, int> _indices;
    private readonly Lock _gate = new();
    private readonly Queue<(ResourceSet From, ResourceDifference Difference)> _differences = new();

    private ResourceSet? _forOlder;

    private ResourceSet(XdsResource[] items, FrozenDictionary<string, int> indices, string version)
    {
        _items = items;
        _indices = indices;
        Version = version;
    }

    public static ResourceSet Empty { get; } = new([], FrozenDictionary<string, int>.Empty, "0");

    public int Count => _items.Length;

    /// <summary>A hash over all names and versions; of a set that was made from another one, that one's and of what was replaced, so that
    /// it does not depend on what there was before.</summary>
    public string Version { get; }

    /// <summary>What of this set proxies are sent that lack something which some of its resources use.</summary>
    public ResourceSet ForOlder => Volatile.Read(ref _forOlder) ?? FindForOlder();

    public XdsResource this[int index] => _items[index];

    public ReadOnlySpan<XdsResource> Items => _items;

    /// <summary>The set of <paramref name="resources"/>, or <paramref name="previous"/> when it holds the same ones.</summary>
    public static ResourceSet Create(IEnumerable<XdsResource> resources, ResourceSet? previous = null)
    {
        var items = resources.ToArray();
        if (items.Length == 0)
            return Empty;
        if (previous is null || !previous.TryOrder(items))
            Array.Sort(items, static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        if (previous is not null && previous._items.AsSpan().SequenceEqual(items))
            return previous;

        // Where only contents changed, the index of names is that of the set before.
        var indices =
            previous is not null && SameNames(previous._items, items)
                ? previous._indices
                : Enumerable.Range(0, items.Length).ToFrozenDictionary(index => items[index].Name, StringComparer.Ordinal);
        return new ResourceSet(items, indices, Hash(items));
    }

    /// <summary>This set with other contents of some of its resources. What is not in it is left out.</summary>
    /// <param name="others">The other contents.</param>
    /// <param name="previous">A set that is returned when it holds the same ones.</param>
    public ResourceSet With(IEnumerable<XdsResource> others, ResourceSet? previous)
    {
        XdsResource[]? items = null;
        var replaced = new List<XdsResource>();
        foreach (var other in others)
        {
            if (IndexOf(other.Name) is not (>= 0 and var index) || _items[index].Version == other.Version)
                continue;
            items ??= [.. _items];
            items[index] = other;
            replaced.Add(other);
        }

        if (items is null)
            return this;
        var version = $"{Version}.{Hash([.. replaced])}";
        return previous is not null && previous.Version == version && previous._items.AsSpan().SequenceEqual(items)
            ? previous
            : new ResourceSet(items, _indices, version);
    }

    public int IndexOf(string name) => _indices.TryGetValue(name, out var index) ? index : -1;

    public XdsResource? Find(string name) => IndexOf(name) is >= 0 and var index ? _items[index] : null;

    /// <summary>What changed from <paramref name="from"/> to this set.</summary>
    public ResourceDifference DifferenceFrom(ResourceSet from)
    {
        lock (_gate)
        {
            foreach (var (known, difference) in _differences)
            {
                if (ReferenceEquals(known, from))
                    return difference;
            }

            var computed = ResourceDifference.Between(from, this);
            if (_differences.Count == RememberedDifferences)
                _differences.Dequeue();
            _differences.Enqueue((from, computed));
            return computed;
        }
    }

    /// <summary>Whether both sets have the same names at the same indices.</summary>
    public bool HasSameNames(ResourceSet other) => ReferenceEquals(_indices, other._indices) || SameNames(_items, other._items);

    private ResourceSet FindForOlder()
    {
        var others = With(_items.Select(item => item.ForOlder).OfType<XdsResource>(), previous: null);
        return Interlocked.CompareExchange(ref _forOlder, others, null) ?? others;
    }

    /// <summary>Puts resources where those of their names are in this set; false when the names are not all the same.</summary>
    private bool TryOrder(XdsResource[] resources)
    {
        if (resources.Length != _items.Length)
            return false;
        var ordered = new XdsResource?[resources.Length];
        foreach (var resource in resources)
        {
            if (IndexOf(resource.Name) is not (>= 0 and var index) || ordered[index] is not null)
                return false;
            ordered[index] = resource;
        }

        ordered.CopyTo(resources, 0);
        return true;
    }

    private static bool SameNames(XdsResource[] a, XdsResource[] b)
    {
        if (a.Length != b.Length)
            return false;
        for (var i = 0; i < a.Length; i++)
        {
            if (a[i].Name != b[i].Name)
                return false;
        }

        return true;
    }

    private static string Hash(XdsResource[] items)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var item in items)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(item.Name));
            hash.AppendData(Encoding.UTF8.GetBytes(item.Version));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }
}
