using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Registry;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Subscriptions;

namespace MeshOperator.Xds.Server;

/// <summary>What the client of one stream subscribes to, was sent and has answered. Takes requests and makes responses, without any
/// I/O; the stream's loop owns it.</summary>
internal sealed class StreamSubscriptions
{
    private readonly TypeSubscription[] _subscriptions = [.. Enum.GetValues<ResourceType>().Select(type => new TypeSubscription(type))];

    private readonly Acknowledgements[] _acknowledgements =
    [
        .. Enumerable.Range(0, ResourceTypes.Count).Select(_ => new Acknowledgements()),
    ];

    private readonly bool _isDelta;
    private readonly string _streamId;
    private readonly int _maxResponseBytes;
    private readonly TimeProvider _time;
    private long _responses;

    public StreamSubscriptions(bool isDelta, string streamId, int maxResponseBytes, TimeProvider time)
    {
        _isDelta = isDelta;
        _streamId = streamId;
        _maxResponseBytes = maxResponseBytes;
        _time = time;
    }

    /// <summary>Which types' <see cref="Status"/> changed since it was last taken, a bit each.</summary>
    public int ChangedTypes { get; set; }

    /// <summary>Whether it subscribed to something else, or rejected something, since this was last taken.</summary>
    public bool Unsettles { get; set; }

    /// <summary>Whether the client has answered all that it was sent, and an Envoy has come to its listeners, which it asks for last but
    /// for the routes that they name. It asks for its runtime values before anything else.</summary>
    public bool AreComplete =>
        IsRequested(ResourceType.Cluster) == IsRequested(ResourceType.Listener)
        && (IsRequested(ResourceType.Cluster) || !IsRequested(ResourceType.Runtime))
        && Array.TrueForAll(_acknowledgements, acknowledgements => acknowledgements.AreAll);

    public bool IsRequested(ResourceType type) => _subscriptions[(int)type].IsRequested;

    public int NameCount(ResourceType type) => _subscriptions[(int)type].NameCount;

    /// <summary>What the registry shows of a type.</summary>
    public TypeStatus Status(ResourceType type) => TypeStatus.From(_subscriptions[(int)type], _acknowledgements[(int)type]);

    /// <summary>Takes a request.</summary>
    /// <returns>How long ago the response was sent that it answers, and why it was rejected if it was; null when it answers none.</returns>
    public (TimeSpan Elapsed, string? Error)? Handle(ResourceType type, ClientRequest request, ProxyView view)
    {
        var subscription = _subscriptions[(int)type];
        var acknowledgements = _acknowledgements[(int)type];
        var isFirst = !subscription.IsRequested;
        (TimeSpan, string?)? answer = null;
        if (!isFirst && request.Nonce.Length > 0)
        {
            if (acknowledgements.TryAnswer(request.Nonce, request.Error, out var sentAt))
            {
                answer = (_time.GetElapsedTime(sentAt), acknowledgements.LastRejection);
            }
            else if (!_isDelta && request.Nonce != acknowledgements.LastNonce)
            {
                // A newer response is in flight, whose answer will have the client's names of then.
                return null;
            }
        }

        if (_isDelta)
            HandleDelta(subscription, request, view);
        else
            HandleStateOfTheWorld(subscription, request, view);
        ChangedTypes |= 1 << (int)type;
        // Policies are carried by no endpoints, to which proxies subscribe whenever they are sent a cluster.
        Unsettles |=
            answer is { Item2: not null }
            || (
                type is not ResourceType.Endpoints
                && (isFirst || !_isDelta || request.Names.Count > 0 || request.NamesToUnsubscribe.Count > 0)
            );
        return answer;
    }

    /// <summary>Goes to the state of <paramref name="view"/> and returns what the client must be sent for that, in order: first what is
    /// new, what is used before what uses it; then what is gone, the other way round.</summary>
    /// <param name="view">What the proxy may see now.</param>
    /// <param name="hasSecrets">False while secrets are being made; they are left for later.</param>
    public List<AdsResponse> Advance(ProxyView view, bool hasSecrets)
    {
        var responses = new List<AdsResponse>();
        var changes = new SubscriptionChange?[ResourceTypes.Count];
        for (var i = 0; i < ResourceTypes.Count; i++)
        {
            var subscription = _subscriptions[i];
            if (!subscription.IsRequested || (subscription.Type is ResourceType.Secret && !hasSecrets))
                continue;

            var before = responses.Count;
            if (subscription.Advance(view) is { } change)
            {
                changes[i] = change;
                if (subscription.Type is ResourceType.Cluster)
                    WarmChangedClusters(change);
                AddUpserts(subscription, change, responses);
            }

            if (responses.Count == before && !(changes[i] is { } c && RemovesLater(subscription.Type, c)))
                NoteNothingSent(subscription);
        }

        AddRemovals(ResourceType.Endpoints, changes, responses);
        AddRemovals(ResourceType.Cluster, changes, responses);
        return responses;
    }

    private static bool RemovesLater(ResourceType type, SubscriptionChange change) =>
        type is ResourceType.Cluster or ResourceType.Endpoints && change.Removals.Count > 0;

    /// <summary>A filter's configuration goes with the listeners that name it, and Envoy then asks no more for it. If it got it before, it
    /// would answer the requests of connections that are still draining with 500.</summary>
    private static bool TellsRemovals(ResourceType type) => type is not ResourceType.Extension;

    private static void HandleDelta(TypeSubscription subscription, ClientRequest request, ProxyView view)
    {
        if (!subscription.IsRequested)
        {
            subscription.Begin(view, subscription.Type.IsComplete() && request.Names.Count == 0, request.InitialVersions);
        }

        foreach (var name in request.Names)
        {
            if (name == "*")
                subscription.SubscribeToAll();
            else
                subscription.Subscribe(name);
        }

        foreach (var name in request.NamesToUnsubscribe)
        {
            if (name == "*")
                subscription.UnsubscribeFromAll();
            else
                subscription.Unsubscribe(name);
        }
    }

    private static void HandleStateOfTheWorld(TypeSubscription subscription, ClientRequest request, ProxyView view)
    {
        if (!subscription.IsRequested)
        {
            var everything = subscription.Type.IsComplete() && request.Names.Count == 0;
            subscription.Begin(view, everything, null);
            if (everything && request.Version == Version(subscription))
                subscription.SkipFirstAnswer();
        }

        if (request.Names.Count == 0 && subscription.IsLegacyWildcard)
            return;
        var all = request.Names.Contains("*");
        if (all && !subscription.IsWildcard)
            subscription.SubscribeToAll();
        else if (!all && subscription.IsWildcard)
            subscription.UnsubscribeFromAll();
        subscription.SetNames(request.Names);
    }

    /// <summary>Envoy replaces a changed cluster by a new one that waits for its endpoints, and as it is subscribed to those already
    /// does not ask for them again.</summary>
    private void WarmChangedClusters(SubscriptionChange change)
    {
        var endpoints = _subscriptions[(int)ResourceType.Endpoints];
        if (!endpoints.IsRequested)
            return;
        foreach (var cluster in change.Upserts)
            endpoints.SendAgain(cluster.Name);
    }

    private void AddUpserts(TypeSubscription subscription, SubscriptionChange change, List<AdsResponse> responses)
    {
        var type = subscription.Type;
        if (!_isDelta && type.IsComplete())
        {
            var later = RemovesLater(type, change);
            if (later && change.Upserts.Count == 0)
                return;
            if (change.Upserts.Count == 0 && change.Removals.Count == 0 && !change.MustAnswer)
                return;
            var all = subscription.Covered();
            if (later)
                all.AddRange(change.Removals);
            responses.Add(Respond(subscription, later ? Version(subscription) + "+" : Version(subscription), all, []));
            return;
        }

        List<string> gone = [];
        if (_isDelta)
        {
            gone.AddRange(change.UnknownNames);
            if (!RemovesLater(type, change) && TellsRemovals(type))
                gone.AddRange(change.Removals.Select(resource => resource.Name));
        }

        if (change.Upserts.Count == 0 && gone.Count == 0 && !(change.MustAnswer && change.Removals.Count == 0))
            return;
        AddInParts(subscription, change.Upserts, gone, responses);
    }

    private void AddRemovals(ResourceType type, SubscriptionChange?[] changes, List<AdsResponse> responses)
    {
        if (changes[(int)type] is not { } change || !RemovesLater(type, change))
            return;
        var subscription = _subscriptions[(int)type];
        if (_isDelta)
        {
            responses.Add(Respond(subscription, Version(subscription), [], [.. change.Removals.Select(resource => resource.Name)]));
        }
        else if (type.IsComplete())
        {
            responses.Add(Respond(subscription, Version(subscription), subscription.Covered(), []));
        }
        else if (change.Upserts.Count == 0)
        {
            // State of the world has no word for endpoints that are gone.
            NoteNothingSent(subscription);
        }
    }

    private void AddInParts(TypeSubscription subscription, List<XdsResource> resources, List<string> gone, List<AdsResponse> responses)
    {
        var version = Version(subscription);
        var part = new List<XdsResource>();
        var bytes = 0;
        foreach (var resource in resources)
        {
            var size = resource.DeltaField.Length;
            if (bytes + size > _maxResponseBytes && part.Count > 0)
            {
                responses.Add(Respond(subscription, version, part, []));
                part = [];
                bytes = 0;
            }

            part.Add(resource);
            bytes += size;
        }

        responses.Add(Respond(subscription, version, part, gone));
    }

    private AdsResponse Respond(
        TypeSubscription subscription,
        string version,
        IReadOnlyList<XdsResource> resources,
        IReadOnlyList<string> gone
    )
    {
        var nonce = $"{_streamId}.{++_responses}";
        _acknowledgements[(int)subscription.Type].Sent((nonce, version), resources, subscription, _time.GetTimestamp());
        ChangedTypes |= 1 << (int)subscription.Type;
        return new AdsResponse
        {
            IsDelta = _isDelta,
            Type = subscription.Type,
            Version = version,
            Nonce = nonce,
            Resources = resources,
            RemovedNames = gone,
        };
    }

    private void NoteNothingSent(TypeSubscription subscription)
    {
        if (_acknowledgements[(int)subscription.Type].NothingToSend(subscription))
            ChangedTypes |= 1 << (int)subscription.Type;
    }

    private static string Version(TypeSubscription subscription) =>
        subscription.Own.Sent.Count == 0
            ? subscription.Shared.Sent.Version
            : $"{subscription.Shared.Sent.Version}-{subscription.Own.Sent.Version}";
}
