using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Subscriptions;

/// <summary>What a client must be sent about one type.</summary>
internal sealed class SubscriptionChange
{
    /// <summary>What is new, changed, or asked for again.</summary>
    public List<XdsResource> Upserts { get; } = [];

    /// <summary>What was sent before and is gone.</summary>
    public List<XdsResource> Removals { get; } = [];

    /// <summary>Names asked for that do not exist.</summary>
    public List<string> UnknownNames { get; } = [];

    /// <summary>Whether the client waits for an answer even when it is empty.</summary>
    public bool MustAnswer { get; set; }

    public bool IsEmpty => Upserts.Count == 0 && Removals.Count == 0 && UnknownNames.Count == 0 && !MustAnswer;
}
