using System.Globalization;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Translation.Verdicts;

/// <summary>Gathers of the policies of a kind where another one holds in their place, so that they can say so.</summary>
internal sealed class Overrides
{
    private readonly HashSet<PolicyKey> _holding = [];
    private readonly Dictionary<PolicyKey, Dictionary<(PolicyKey Winner, bool IsOlder), HashSet<(string Pod, int Port)>>> _lost = [];

    /// <summary>The policies that lost something, in no order.</summary>
    public IEnumerable<PolicyKey> Losers => _lost.Keys;

    /// <summary>A policy holds somewhere.</summary>
    public void AddHolder(PolicyKey policy) => _holding.Add(policy);

    public bool Holds(PolicyKey policy) => _holding.Contains(policy);

    /// <summary>A policy would hold, but for another one.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="winner">The one that holds.</param>
    /// <param name="isOlder">Whether it does so because it is older, and not as it is more specific.</param>
    /// <param name="place">Where.</param>
    public void AddLoser(PolicyKey policy, PolicyKey winner, bool isOlder, (string Pod, int Port)? place = null)
    {
        if (policy == winner)
            return;
        if (!_lost.TryGetValue(policy, out var winners))
            _lost[policy] = winners = [];
        if (!winners.TryGetValue((winner, isOlder), out var places))
            winners[(winner, isOlder)] = places = [];
        if (place is { } one)
            places.Add(one);
    }

    /// <summary>Whether a policy lost something only because another one is older, which is hardly meant.</summary>
    public bool LosesByAge(PolicyKey policy) => _lost[policy].Keys.Any(winner => winner.IsOlder);

    /// <summary>Who holds in a policy's place, why, and where.</summary>
    public string Describe(PolicyKey policy) =>
        string.Join(
            "; ",
            _lost[policy]
                .OrderBy(winner => winner.Key.Winner, PolicyKeyOrder.Instance)
                .ThenBy(winner => winner.Key.IsOlder)
                .Select(winner =>
                    $"by {winner.Key.Winner}, which is {(winner.Key.IsOlder ? "older" : "more specific")}{Where(winner.Value)}"
                )
        );

    private static string Where(HashSet<(string Pod, int Port)> places)
    {
        if (places.Count == 0)
            return string.Empty;
        var (pod, port) = places.OrderBy(place => place.Pod, StringComparer.Ordinal).ThenBy(place => place.Port).First();
        return places.Count == 1
            ? string.Create(CultureInfo.InvariantCulture, $", on port {port} of the pod '{pod}'")
            : string.Create(CultureInfo.InvariantCulture, $", on {places.Count} ports of pods, for example {port} of '{pod}'");
    }
}
