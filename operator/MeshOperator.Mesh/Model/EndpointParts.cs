namespace MeshOperator.Mesh.Model;

/// <summary>Which endpoints of a service a calling proxy uses where a policy bounds their number. Callers are in 128 parts by their names.
/// The endpoints lie on a ring, and each part has a window on it. Each endpoint is in the windows of equally many parts, so all get as
/// many requests if all parts send as many. An endpoint that comes or goes changes one or two endpoints of each window.</summary>
public static class EndpointParts
{
    /// <summary>How many parts there are.</summary>
    public const int Count = 128;

    /// <summary>The part of a caller, from 0 on.</summary>
    public static int Find(WorkloadName caller) => (int)(Hash(caller.NodeId) % Count);

    /// <summary>Whether the endpoints of a part are not just all of them.</summary>
    /// <param name="total">How many endpoints there are.</param>
    /// <param name="size">How many a caller uses at least.</param>
    public static bool AreNeeded(int total, int size) => CountWindows(total, size) < Count;

    /// <summary>The endpoints in the order of the ring.</summary>
    public static IReadOnlyList<MeshEndpoint> Order(IEnumerable<MeshEndpoint> endpoints) =>
        [.. endpoints.OrderBy(endpoint => Hash(endpoint.Address)).ThenBy(endpoint => endpoint.Port)];

    /// <summary>The endpoints of a part: at least as many as asked for, and at most 1/128 of all and one more.</summary>
    /// <param name="endpoints">All endpoints, as <see cref="Order"/> has them.</param>
    /// <param name="size">How many a caller uses at least.</param>
    /// <param name="part">The part.</param>
    public static IEnumerable<MeshEndpoint> Choose(IReadOnlyList<MeshEndpoint> endpoints, int size, int part)
    {
        if (!AreNeeded(endpoints.Count, size))
            return endpoints;
        var begin = FindBegin(part);
        var end = FindBegin(part + CountWindows(endpoints.Count, size));
        return Enumerable.Range(begin, end - begin).Select(position => endpoints[position % endpoints.Count]);

        int FindBegin(int window) => (int)((long)window * endpoints.Count / Count);
    }

    /// <summary>In how many windows each endpoint is. A window ends where that of as many parts later begins.</summary>
    private static int CountWindows(int total, int size) =>
        total == 0 ? Count : (int)Math.Min(Count, (((long)Count * size) + total - 1) / total);

    /// <summary>FNV-1a with the last mix of MurmurHash3: the same in every process.</summary>
    private static ulong Hash(string text)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in text)
            hash = (hash ^ c) * 1099511628211UL;
        hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdUL;
        hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53UL;
        return hash ^ (hash >> 33);
    }
}
