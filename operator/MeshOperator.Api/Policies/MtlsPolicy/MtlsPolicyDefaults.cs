using System.Globalization;

namespace MeshOperator.Api.Policies;

/// <summary>What a MtlsPolicy means where it leaves something out.</summary>
public static class MtlsPolicyDefaults
{
    /// <summary>The mode of all ports.</summary>
    public const MtlsPolicyMode Mode = MtlsPolicyMode.Strict;

    /// <summary>The lowest TLS version.</summary>
    public const string MinVersion = "1.2";

    /// <summary>The cipher suites for TLS 1.2; none means Envoy's own.</summary>
    public static IReadOnlyList<string> ResolveCipherSuites(MtlsPolicySpec spec) => spec.Tls?.CipherSuites ?? [];

    /// <summary>Who may call; none means that everybody may.</summary>
    public static IReadOnlyList<CompleteAccessRule> ResolveAllow(MtlsPolicySpec spec) => Complete(spec.Allow ?? [], "spec.allow");

    /// <summary>Who may not call.</summary>
    public static IReadOnlyList<CompleteAccessRule> ResolveDeny(MtlsPolicySpec spec) => Complete(spec.Deny, "spec.deny");

    private static IReadOnlyList<CompleteAccessRule> Complete(List<AccessRule> rules, string field) =>
        [.. rules.Select((rule, i) => new CompleteAccessRule(string.Create(CultureInfo.InvariantCulture, $"{field}[{i}]"), rule))];
}
