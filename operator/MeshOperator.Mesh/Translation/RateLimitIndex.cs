using System.Globalization;
using MeshOperator.Api.V1Alpha1;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using Limit = MeshOperator.Mesh.Model.RequestLimit;

namespace MeshOperator.Mesh.Translation;

/// <summary>Finds the RateLimit of a port of a pod: on the service's port, on the service, with a selector; of several the oldest.</summary>
internal sealed class RateLimitIndex
{
    public const string Kind = nameof(RateLimit);
    private readonly TargetIndex<Candidate> _targets;
    private readonly SelectorIndex<Candidate> _bySelector;

    public RateLimitIndex(ClusterSnapshot snapshot, VerdictBuilder verdicts)
    {
        _targets = new TargetIndex<Candidate>(snapshot, verdicts);
        _bySelector = new SelectorIndex<Candidate>(verdicts);
        foreach (var (rank, (key, spec)) in verdicts.Begin(Kind, snapshot.RateLimits).Index())
        {
            var candidate = new Candidate(key, rank, ToLimits(key, spec));
            if (spec.TargetRefs is { } targets)
            {
                _targets.Add(key, targets, candidate);
                _targets.NoteTcp(key, targets, "no requests to count");
            }
            else if (spec.Selector is { } selector)
            {
                _bySelector.Add(key, selector, candidate);
            }
        }

        _bySelector.NoteOverlaps(snapshot);
    }

    /// <summary>The policy of a port.</summary>
    /// <param name="ns">The pod's namespace.</param>
    /// <param name="pod">The pod.</param>
    /// <param name="services">The service ports behind which the port is.</param>
    public Candidate? Of(string ns, PodRecord pod, IReadOnlyCollection<(ObjectName Service, string PortName)> services) =>
        Oldest(services.Where(s => s.PortName.Length > 0).Select(s => _targets.Find(PolicyTargetKind.Service, s.Service, s.PortName)))
        ?? Oldest(services.Select(s => _targets.Find(PolicyTargetKind.Service, s.Service, null)))
        ?? _bySelector.Find(ns, pod);

    private static Candidate? Oldest(IEnumerable<Candidate?> candidates) => candidates.OfType<Candidate>().MinBy(c => c.Rank);

    private static ValueList<Limit> ToLimits(PolicyKey key, RateLimitSpec spec) => spec.Limits.Select((limit, i) => new Limit(
        string.Create(CultureInfo.InvariantCulture, $"{key.Name}/{i}"),
        limit.Requests,
        (limit.Unit ?? RateLimitUnit.Second) switch
        {
            RateLimitUnit.Minute => TimeSpan.FromMinutes(1),
            RateLimitUnit.Hour => TimeSpan.FromHours(1),
            RateLimitUnit.Day => TimeSpan.FromDays(1),
            _ => TimeSpan.FromSeconds(1),
        },
        limit.Burst ?? limit.Requests,
        limit.Match is { } match ? RuleRoutes.ToMatch(new HttpRequestMatch { Path = match.Path, Method = match.Method, Headers = match.Headers }) : HttpMatch.All)).ToValueList();

    internal sealed record Candidate(PolicyKey Key, int Rank, ValueList<Limit> Limits) : IRanked;
}
