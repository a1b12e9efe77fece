namespace MeshOperator.LocalCluster.Store;

internal enum WatchEventType
{
    Added,
    Modified,
    Deleted,
}

/// <summary>One change of a collection.</summary>
/// <param name="Type">What happened.</param>
/// <param name="Revision">The resource version of the change.</param>
/// <param name="Object">The object after it; for a deletion its last state, bearing the deletion's revision.</param>
/// <param name="Previous">The object before it, which selectors need to distinguish arrivals from departures.</param>
internal sealed record WatchEvent(WatchEventType Type, long Revision, StoredObject Object, StoredObject? Previous);
