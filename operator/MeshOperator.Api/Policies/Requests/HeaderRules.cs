using System.Collections.Frozen;
using FluentValidation;
using MeshOperator.Api.Validation;

namespace MeshOperator.Api.Policies;

/// <summary>Which headers of requests a split may change.</summary>
internal static class HeaderRules
{
    /// <summary>They belong to the connection or say how long the body is, and are the proxy's own to write.</summary>
    private static readonly FrozenSet<string> OfTheProxy = new[]
    {
        "connection",
        "content-length",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    public static void IsChangeableHeader<T>(this IRuleBuilderInitial<T, string> rule) => Check(rule.Cascade(CascadeMode.Stop));

    public static void IsChangeableHeader<T>(this IRuleBuilderInitialCollection<T, string> rule) => Check(rule.Cascade(CascadeMode.Stop));

    private static void Check<T>(IRuleBuilder<T, string> rule) =>
        rule.Must(name => !IsReserved(name))
            .WithMessage(
                (_, name) => $"a split cannot change the header '{name}', because proxies and their other policies depend on it; remove it"
            )
            .IsHeaderName();

    /// <summary>By a header <c>x-envoy-…</c> a request asks for timeouts and retries other than those of policies.</summary>
    private static bool IsReserved(string name) =>
        name.StartsWith(':') || OfTheProxy.Contains(name) || name.StartsWith("x-envoy-", StringComparison.OrdinalIgnoreCase);
}
