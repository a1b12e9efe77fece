using System.Numerics;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Subscriptions;

/// <summary>What a client subscribes to within one set of resources, and which state of that set it was sent. A bit for each name is
/// all that a stream holds, so that thousands of streams over thousands of resources stay small.</summary>
internal sealed class SubscriptionLayer
{
    private ulong[] _bits = [];
    private bool _isShared;

    /// <summary>The set as of which the client was sent what it subscribes to.</summary>
    public ResourceSet Sent { get; private set; } = ResourceSet.Empty;

    /// <summary>How many names are subscribed to.</summary>
    public int Count { get; private set; }

    /// <summary>The bits, never changed from now on: later changes are made in a copy.</summary>
    public ulong[] ShareBits()
    {
        _isShared = true;
        return _bits;
    }

    public static bool IsSet(ulong[] bits, int index) => (uint)(index >> 6) < (uint)bits.Length && (bits[index >> 6] & (1UL << index)) != 0;

    public bool Has(int index) => IsSet(_bits, index);

    /// <summary>False when it was there before.</summary>
    public bool Add(int index)
    {
        if (Has(index))
            return false;
        Own();
        _bits[index >> 6] |= 1UL << index;
        Count++;
        return true;
    }

    public bool Remove(int index)
    {
        if (!Has(index))
            return false;
        Own();
        _bits[index >> 6] &= ~(1UL << index);
        Count--;
        return true;
    }

    /// <summary>Replaces all names. Reports those that are new.</summary>
    public void Replace(ulong[] bits, Action<int> added)
    {
        if (bits.AsSpan().SequenceEqual(_bits))
            return;
        var count = 0;
        for (var word = 0; word < bits.Length; word++)
        {
            count += BitOperations.PopCount(bits[word]);
            var news = bits[word] & ~(word < _bits.Length ? _bits[word] : 0);
            for (; news != 0; news &= news - 1)
                added((word << 6) + BitOperations.TrailingZeroCount(news));
        }

        _bits = bits;
        _isShared = false;
        Count = count;
    }

    /// <summary>Bits for all names of <see cref="Sent"/>, none set.</summary>
    public ulong[] EmptyBits() => new ulong[(Sent.Count + 63) >> 6];

    /// <summary>Goes to <paramref name="to"/> and adds what the client must be sent to <paramref name="change"/>. Names that are gone
    /// stay subscribed to in <paramref name="unknown"/>, and names that appear are taken from there.</summary>
    public void Advance(ResourceSet to, bool wildcard, ref HashSet<string>? unknown, SubscriptionChange change)
    {
        var from = Sent;
        if (ReferenceEquals(from, to))
            return;
        Sent = to;
        if (!wildcard && Count == 0 && unknown is null)
        {
            _bits = EmptyBits();
            _isShared = false;
            return;
        }

        var difference = to.DifferenceFrom(from);
        foreach (var index in difference.Removals)
        {
            var has = Has(index);
            if (has || wildcard)
                change.Removals.Add(from[index]);
            if (has)
                (unknown ??= new HashSet<string>(StringComparer.Ordinal)).Add(from[index].Name);
        }

        if (!difference.KeepsIndices || _bits.Length == 0)
            Rename(difference);
        foreach (var index in difference.Upserts)
        {
            if (unknown is not null && unknown.Remove(to[index].Name))
            {
                Add(index);
                if (unknown.Count == 0)
                    unknown = null;
            }

            if (wildcard || Has(index))
                change.Upserts.Add(to[index]);
        }
    }

    private void Rename(ResourceDifference difference)
    {
        var bits = EmptyBits();
        var count = 0;
        for (var word = 0; word < _bits.Length; word++)
        {
            for (var rest = _bits[word]; rest != 0; rest &= rest - 1)
            {
                var index = difference.NewIndex((word << 6) + BitOperations.TrailingZeroCount(rest));
                if (index < 0)
                    continue;
                bits[index >> 6] |= 1UL << index;
                count++;
            }
        }

        _bits = bits;
        _isShared = false;
        Count = count;
    }

    private void Own()
    {
        if (!_isShared)
            return;
        _bits = [.. _bits];
        _isShared = false;
    }
}
