using System.Collections.Immutable;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Subscriptions;

namespace MeshOperator.Xds.Registry;

/// <summary>What one stream subscribes to, was sent and has acknowledged of one type: an immutable picture that its loop hands to the
/// registry.</summary>
internal sealed class TypeStatus
{
    public required bool IsWildcard { get; init; }

    public required ResourceSet SentShared { get; init; }

    public required ulong[] SharedNames { get; init; }

    public required ResourceSet AcknowledgedShared { get; init; }

    public required ResourceSet AcknowledgedOwn { get; init; }

    public required ImmutableDictionary<string, Rejection> Rejected { get; init; }

    public required string SentVersion { get; init; }

    public required string AcknowledgedVersion { get; init; }

    public required string? LastRejection { get; init; }

    public static TypeStatus From(TypeSubscription subscription, Acknowledgements acknowledgements) =>
        new()
        {
            IsWildcard = subscription.IsWildcard,
            SentShared = subscription.Shared.Sent,
            SharedNames = subscription.Shared.ShareBits(),
            AcknowledgedShared = acknowledgements.Shared,
            AcknowledgedOwn = acknowledgements.Own,
            Rejected = acknowledgements.Rejected,
            SentVersion = acknowledgements.SentVersion,
            AcknowledgedVersion = acknowledgements.AcknowledgedVersion,
            LastRejection = acknowledgements.LastRejection,
        };
}
