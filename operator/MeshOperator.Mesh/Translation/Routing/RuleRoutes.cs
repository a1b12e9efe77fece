using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Translation.Requests;

namespace MeshOperator.Mesh.Translation.Routing;

/// <summary>Reads a split's rule into the model, but for what must be looked up in the cluster.</summary>
internal static class RuleRoutes
{
    /// <summary>The route of a rule without match, backends and mirror.</summary>
    public static HttpRoute ToRoute(TrafficSplitRule rule, int index) =>
        new()
        {
            Name = TrafficSplitDefaults.ResolveName(rule, index),
            Backends = [],
            Sticky = ClientKeys.Read(rule.Sticky),
            RequestTimeout = MeshDuration.ParseOptional(rule.Timeouts?.Request),
            FirstByteTimeout = MeshDuration.ParseOptional(rule.Timeouts?.FirstByte),
            IdleTimeout = MeshDuration.ParseOptional(rule.Timeouts?.Idle),
            Fault =
                rule.Fault is not { } fault || (fault.Delay is null && fault.Abort is null)
                    ? null
                    : new FaultInjection(
                        MeshDuration.ParseOptional(fault.Delay?.Duration),
                        TrafficSplitDefaults.ResolvePercent(fault.Delay),
                        fault.Abort?.Status,
                        TrafficSplitDefaults.ResolvePercent(fault.Abort)
                    ),
            Headers = rule.Headers is not { } headers
                ? null
                : new HeaderChanges(ToHeaders(headers.Set), ToHeaders(headers.Add), headers.Remove.ToValueList()),
        };

    /// <summary>The matches of a rule; one of everything when it has none.</summary>
    public static IEnumerable<HttpMatch> ToMatches(TrafficSplitRule rule) =>
        rule.Matches.Count == 0 ? [HttpMatch.All] : rule.Matches.Select(RequestMatches.Read);

    private static ValueList<HeaderValue> ToHeaders(List<HttpHeader> headers) =>
        headers.Select(h => new HeaderValue(h.Name, h.Value)).ToValueList();
}
