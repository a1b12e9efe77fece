using System.Collections.Immutable;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Subscriptions;

/// <summary>A resource that a proxy did not take, and why.</summary>
internal sealed record Rejection(XdsResource Resource, string Reason);

/// <summary>Which responses of one type were sent, and what became of them. Not thread-safe: the stream's loop owns it.</summary>
internal sealed class Acknowledgements
{
    /// <summary>A client that never answers must not make this grow; older ones are then taken as answered with newer ones.</summary>
    private const int MaxOutstanding = 64;

    /// <summary>Of a client's own words.</summary>
    private const int LongestReason = 1024;

    private readonly Queue<SentResponse> _outstanding = new();

    /// <summary>The state of which the client has acknowledged all that it subscribes to, but for <see cref="Rejected"/>.</summary>
    public ResourceSet Shared { get; private set; } = ResourceSet.Empty;

    /// <summary>The same for its own resources.</summary>
    public ResourceSet Own { get; private set; } = ResourceSet.Empty;

    /// <summary>What was rejected and not sent again since, by name.</summary>
    public ImmutableDictionary<string, Rejection> Rejected { get; private set; } = ImmutableDictionary<string, Rejection>.Empty;

    /// <summary>Whether no response waits for its answer.</summary>
    public bool AreAll => _outstanding.Count == 0;

    /// <summary>The text of the last rejection, null once something newer was acknowledged.</summary>
    public string? LastRejection { get; private set; }

    /// <summary>The nonce of the last response.</summary>
    public string LastNonce { get; private set; } = "";

    /// <summary>The version of the last response, and of the last one acknowledged.</summary>
    public string SentVersion { get; private set; } = "";

    public string AcknowledgedVersion { get; private set; } = "";

    /// <summary>Notes a response.</summary>
    /// <param name="response">Its nonce and version.</param>
    /// <param name="resources">What is in it.</param>
    /// <param name="subscription">The state as of which it was made.</param>
    /// <param name="timestamp">When it was sent.</param>
    public void Sent(
        (string Nonce, string Version) response,
        IReadOnlyList<XdsResource> resources,
        TypeSubscription subscription,
        long timestamp
    )
    {
        if (_outstanding.Count == MaxOutstanding)
            _outstanding.Dequeue();
        LastNonce = response.Nonce;
        SentVersion = response.Version;
        _outstanding.Enqueue(
            new SentResponse(response.Nonce, response.Version, resources, timestamp)
            {
                Shared = subscription.Shared.Sent,
                Own = subscription.Own.Sent,
            }
        );
    }

    /// <summary>Notes that the client is at the subscription's state without anything having to be sent.</summary>
    /// <returns>Whether that changed what it has acknowledged.</returns>
    public bool NothingToSend(TypeSubscription subscription)
    {
        if (_outstanding.Count > 0)
        {
            var last = _outstanding.Last();
            last.Shared = subscription.Shared.Sent;
            last.Own = subscription.Own.Sent;
            return false;
        }

        if (ReferenceEquals(Shared, subscription.Shared.Sent) && ReferenceEquals(Own, subscription.Own.Sent))
            return false;
        Shared = subscription.Shared.Sent;
        Own = subscription.Own.Sent;
        return true;
    }

    /// <summary>Takes the client's answer to the response with <paramref name="nonce"/>.</summary>
    /// <param name="nonce">Whose answer it is.</param>
    /// <param name="error">Why it was rejected, or null.</param>
    /// <param name="sentAt">When the response was sent.</param>
    /// <returns>False when the nonce is none of an unanswered response.</returns>
    public bool TryAnswer(string nonce, string? error, out long sentAt)
    {
        sentAt = 0;
        if (!_outstanding.Any(sent => sent.Nonce == nonce))
            return false;
        SentResponse response;
        do
        {
            response = _outstanding.Dequeue();
            Shared = response.Shared;
            Own = response.Own;
            if (Rejected.Count > 0)
                Rejected = Rejected.RemoveRange(response.Resources.Select(resource => resource.Name));
        } while (response.Nonce != nonce);

        sentAt = response.Timestamp;
        LastRejection = error is null ? null : Shorten(error);
        if (error is null)
            AcknowledgedVersion = response.Version;
        else
            Reject(response.Resources, error, LastRejection!);
        return true;
    }

    /// <summary>Envoy takes the good clusters and listeners of a response and names the others in its text. When it names none, all are
    /// taken for rejected.</summary>
    private void Reject(IReadOnlyList<XdsResource> resources, string reason, string shown)
    {
        var named = resources.Where(resource => reason.Contains(resource.Name, StringComparison.Ordinal)).ToList();
        Rejected = Rejected.SetItems(
            (named.Count > 0 ? named : resources).Select(resource => KeyValuePair.Create(resource.Name, new Rejection(resource, shown)))
        );
    }

    /// <summary>The beginning of a client's own words, for statuses and logs.</summary>
    private static string Shorten(string reason) => reason.Length > LongestReason ? reason[..LongestReason] + "…" : reason;

    private sealed record SentResponse(string Nonce, string Version, IReadOnlyList<XdsResource> Resources, long Timestamp)
    {
        public required ResourceSet Shared { get; set; }

        public required ResourceSet Own { get; set; }
    }
}
