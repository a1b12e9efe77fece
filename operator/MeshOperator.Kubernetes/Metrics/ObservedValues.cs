using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

namespace MeshOperator.Kubernetes.Metrics;

/// <summary>Values that are read when someone asks, of objects that may go away: an object that nobody else holds is no longer
/// reported. Of several with the same attribute the largest is reported.</summary>
internal sealed class ObservedValues
{
    private readonly ConditionalWeakTable<object, Source> _sources = [];

    /// <summary>Reports a value of an object from now on.</summary>
    /// <param name="owner">Whose value it is; it is not kept alive.</param>
    /// <param name="attribute">The attribute's name.</param>
    /// <param name="value">The attribute's value.</param>
    /// <param name="read">Reads the value; static, so as not to keep the owner alive.</param>
    public void Add<TOwner>(TOwner owner, string attribute, string value, Func<TOwner, int> read)
        where TOwner : class =>
        _sources.AddOrUpdate(owner, new Source(new KeyValuePair<string, object?>(attribute, value), o => read((TOwner)o)));

    /// <summary>Reports it no longer.</summary>
    public void Remove(object owner) => _sources.Remove(owner);

    public IEnumerable<Measurement<int>> Read() =>
        _sources
            .Select(s => (s.Value.Attribute, Value: s.Value.Read(s.Key)))
            .GroupBy(s => s.Attribute)
            .Select(g => new Measurement<int>(g.Max(s => s.Value), g.Key))
            .ToArray();

    private sealed record Source(KeyValuePair<string, object?> Attribute, Func<object, int> Read);
}
