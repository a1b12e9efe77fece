namespace MeshOperator.Api.Policies;

/// <summary>An access rule with all its lists. One that was omitted is empty, which means any; a valid rule has no other that is.</summary>
/// <param name="field">Where the rule is, for example <c>spec.allow[0]</c>.</param>
/// <param name="rule">The rule as it was written.</param>
public sealed class CompleteAccessRule(string field, AccessRule rule)
{
    /// <summary>Where the rule is, for example <c>spec.allow[0]</c>.</summary>
    public string Field { get; } = field;

    /// <summary>SPIFFE identities of callers.</summary>
    public IReadOnlyList<string> Identities { get; } = rule.Identities ?? [];

    /// <summary>Service accounts of callers.</summary>
    public IReadOnlyList<string> ServiceAccounts { get; } = rule.ServiceAccounts ?? [];

    /// <summary>Namespaces of callers.</summary>
    public IReadOnlyList<string> Namespaces { get; } = rule.Namespaces ?? [];

    /// <summary>Ports of the workload.</summary>
    public IReadOnlyList<int> Ports { get; } = rule.Ports ?? [];

    /// <summary>HTTP methods.</summary>
    public IReadOnlyList<string> Methods { get; } = rule.Methods ?? [];

    /// <summary>HTTP paths.</summary>
    public IReadOnlyList<string> Paths { get; } = rule.Paths ?? [];

    /// <summary>Whether only requests can match, not mere bytes.</summary>
    public bool NeedsHttp => Methods.Count > 0 || Paths.Count > 0;

    /// <summary>Whether it is for a port.</summary>
    public bool IsFor(int port) => Ports.Count == 0 || Ports.Contains(port);
}
