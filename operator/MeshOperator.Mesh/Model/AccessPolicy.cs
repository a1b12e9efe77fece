namespace MeshOperator.Mesh.Model;

/// <summary>Who may call a port. A request that a rule of <see cref="Deny"/> matches is refused; of the others, when
/// <see cref="IsRestricted"/>, those that no rule of <see cref="Allow"/> matches.</summary>
/// <param name="IsRestricted">Whether only what is allowed may pass; then no allow rule at all means that nothing may.</param>
/// <param name="Allow">What may pass.</param>
/// <param name="Deny">What may not pass.</param>
/// <param name="AuditOnly">Whether what would be refused is only counted.</param>
public sealed record AccessPolicy(bool IsRestricted, ValueList<AccessRule> Allow, ValueList<AccessRule> Deny, bool AuditOnly);

/// <summary>Selects calls: all that is given must hold.</summary>
public sealed record AccessRule
{
    /// <summary>Conditions on the caller's SPIFFE identity: of each list one must hold. Without any, every caller is meant, with a
    /// certificate or without.</summary>
    public ValueList<ValueList<StringMatch>> Callers { get; init; } = [];

    /// <summary>HTTP methods in capitals; empty means all.</summary>
    public ValueList<string> Methods { get; init; } = [];

    /// <summary>Paths, exact or by prefix; empty means all. A prefix here is one of characters, not of path elements.</summary>
    public ValueList<StringMatch> Paths { get; init; } = [];

    /// <summary>Whether the rule can be told only of HTTP.</summary>
    public bool NeedsHttp => Methods.Count > 0 || Paths.Count > 0;
}

/// <summary>Bounds on the TLS that a workload speaks as a server of the mesh.</summary>
/// <param name="RequiresTls13">Whether TLS 1.2 is refused.</param>
/// <param name="CipherSuites">Suites for TLS 1.2 in OpenSSL's names; empty means Envoy's defaults.</param>
public sealed record TlsBounds(bool RequiresTls13, ValueList<string> CipherSuites)
{
    /// <summary>TLS 1.2 and 1.3 with Envoy's default suites.</summary>
    public static TlsBounds Default { get; } = new(false, []);
}
