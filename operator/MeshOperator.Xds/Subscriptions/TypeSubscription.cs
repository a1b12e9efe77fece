using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Subscriptions;

/// <summary>What a client subscribes to of one type. Not thread-safe: the stream's loop owns it.</summary>
internal sealed class TypeSubscription(ResourceType type)
{
    private HashSet<string>? _unknown;
    private HashSet<string>? _askedFor;
    private IReadOnlyDictionary<string, string>? _initialVersions;
    private bool _sendAll;
    private bool _mustAnswer;

    public ResourceType Type => type;

    /// <summary>Whether the client has asked for this type at all.</summary>
    public bool IsRequested { get; private set; }

    /// <summary>Whether it wants all that there is, whatever names it knows.</summary>
    public bool IsWildcard { get; private set; }

    /// <summary>An empty list of names stands for everything until the client has named something.</summary>
    public bool IsLegacyWildcard { get; private set; }

    public SubscriptionLayer Shared { get; } = new();

    public SubscriptionLayer Own { get; } = new();

    public int NameCount => Shared.Count + Own.Count + (_unknown?.Count ?? 0);

    /// <summary>Whether something is to be sent even though no resource changed.</summary>
    private bool HasRequests => _sendAll || _mustAnswer || _askedFor is not null || _initialVersions is not null;

    /// <summary>Takes up the type as of <paramref name="view"/>, with nothing subscribed to yet.</summary>
    /// <param name="view">What there is.</param>
    /// <param name="legacyWildcard">Whether the first request names nothing and so asks for everything.</param>
    /// <param name="initialVersions">What the client has from an earlier stream.</param>
    public void Begin(ProxyView view, bool legacyWildcard, IReadOnlyDictionary<string, string>? initialVersions)
    {
        IsRequested = true;
        IsLegacyWildcard = legacyWildcard;
        _initialVersions = initialVersions is { Count: > 0 } ? initialVersions : null;
        var nothing = new SubscriptionChange();
        Shared.Advance(view.SharedSet(type), wildcard: false, ref _unknown, nothing);
        Own.Advance(view.OwnSet(type), wildcard: false, ref _unknown, nothing);
        if (legacyWildcard)
            SubscribeToAll();
    }

    /// <summary>The client has all that there is at its current state; nothing is sent until something changes.</summary>
    public void SkipFirstAnswer()
    {
        _sendAll = false;
        _mustAnswer = false;
    }

    public void SubscribeToAll()
    {
        IsWildcard = true;
        _sendAll = true;
        _mustAnswer = true;
    }

    public void UnsubscribeFromAll()
    {
        IsWildcard = false;
        IsLegacyWildcard = false;
        _sendAll = false;
    }

    /// <summary>Subscribes to a name. It is answered even when it was subscribed to before, as the client may have forgotten.</summary>
    public void Subscribe(string name)
    {
        if (Find(name) is ({ } layer, var index))
        {
            layer.Add(index);
            AskFor(layer.Sent[index].Name);
        }
        else
        {
            (_unknown ??= new HashSet<string>(StringComparer.Ordinal)).Add(name);
            AskFor(name);
        }
    }

    public void Unsubscribe(string name)
    {
        _askedFor?.Remove(name);
        if (Find(name) is ({ } layer, var index))
            layer.Remove(index);
        else if (_unknown is not null && _unknown.Remove(name) && _unknown.Count == 0)
            _unknown = null;

        // A wildcard still covers it, and the client must be sent what it now has.
        if (IsWildcard)
            AskFor(name);
    }

    /// <summary>Replaces all names, as a state-of-the-world request does. Those that are new are answered.</summary>
    public void SetNames(IReadOnlyList<string> names)
    {
        HashSet<string>? unknown = null;
        var shared = Shared.EmptyBits();
        var own = Own.EmptyBits();
        foreach (var name in names)
        {
            if (name == "*")
                continue;
            if (Find(name) is ({ } layer, var index))
            {
                (ReferenceEquals(layer, Shared) ? shared : own)[index >> 6] |= 1UL << index;
            }
            else
            {
                (unknown ??= new HashSet<string>(StringComparer.Ordinal)).Add(name);
            }
        }

        Shared.Replace(shared, index => AskFor(Shared.Sent[index].Name));
        Own.Replace(own, index => AskFor(Own.Sent[index].Name));
        _unknown = unknown;
    }

    /// <summary>Has a name that is subscribed to sent again.</summary>
    public void SendAgain(string name)
    {
        if (Find(name) is ({ } layer, var index) && (IsWildcard || layer.Has(index)))
            AskFor(name);
    }

    /// <summary>Goes to the state of <paramref name="view"/>. Null when the client need not be sent anything.</summary>
    public SubscriptionChange? Advance(ProxyView view)
    {
        var shared = view.SharedSet(type);
        var own = view.OwnSet(type);
        if (ReferenceEquals(shared, Shared.Sent) && ReferenceEquals(own, Own.Sent) && !HasRequests)
            return null;

        var change = new SubscriptionChange { MustAnswer = _mustAnswer };
        Shared.Advance(shared, IsWildcard, ref _unknown, change);
        Own.Advance(own, IsWildcard, ref _unknown, change);
        if (HasRequests)
            AddRequests(change);
        return change.IsEmpty ? null : change;
    }

    /// <summary>All that the client subscribes to and that exists.</summary>
    public List<XdsResource> Covered()
    {
        var covered = new List<XdsResource>(Shared.Sent.Count + Own.Sent.Count);
        foreach (var layer in (ReadOnlySpan<SubscriptionLayer>)[Shared, Own])
        {
            for (var index = 0; index < layer.Sent.Count; index++)
            {
                if (IsWildcard || layer.Has(index))
                    covered.Add(layer.Sent[index]);
            }
        }

        return covered;
    }

    private void AddRequests(SubscriptionChange change)
    {
        if (_sendAll)
        {
            change.Upserts.Clear();
            change.Upserts.AddRange(Shared.Sent.Items);
            change.Upserts.AddRange(Own.Sent.Items);
        }

        if (_askedFor is not null)
        {
            if (!_sendAll)
            {
                foreach (var changed in change.Upserts)
                    _askedFor.Remove(changed.Name);
            }

            foreach (var name in _askedFor)
            {
                if (Find(name) is not ({ } layer, var index))
                    change.UnknownNames.Add(name);
                else if (!_sendAll)
                    change.Upserts.Add(layer.Sent[index]);
            }
        }

        if (_initialVersions is { } versions)
        {
            change.Upserts.RemoveAll(resource => versions.TryGetValue(resource.Name, out var version) && version == resource.Version);
            if (IsWildcard)
                change.UnknownNames.AddRange(versions.Keys.Where(name => Find(name).Layer is null));
            change.MustAnswer = false;
        }

        _sendAll = false;
        _mustAnswer = false;
        _askedFor = null;
        _initialVersions = null;
    }

    private (SubscriptionLayer? Layer, int Index) Find(string name)
    {
        var index = Shared.Sent.IndexOf(name);
        if (index >= 0)
            return (Shared, index);
        index = Own.Sent.IndexOf(name);
        return index >= 0 ? (Own, index) : (null, -1);
    }

    private void AskFor(string name) => (_askedFor ??= new HashSet<string>(StringComparer.Ordinal)).Add(name);
}
