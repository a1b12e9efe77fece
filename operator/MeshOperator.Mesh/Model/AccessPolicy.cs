namespace MeshOperator.Mesh.Model;

/// <summary>Who may call a port. A request that a rule of <see cref="Deny"/> matches is refused; of the others, when
/// <see cref="IsRestricted"/>, those that no rule of <see cref="Allow"/> matches.</summary>
/// <param name="IsRestricted">Whether only what is allowed may pass; then no allow rule at all means that nothing may.</param>
/// <param name="Allow">What may pass.</param>
/// <param name="Deny">What may not pass.</param>
/// <param name="AuditOnly">Whether what would be refused is only counted.</param>
public sealed record AccessPolicy(bool IsRestricted, ValueList<AccessRule> Allow, ValueList<AccessRule> Deny, bool AuditOnly)
{
    /// <summary>Whether a change of it also ends requests and streams that were admitted before.</summary>
    public bool EndsOpenStreams { get; init; }

    /// <summary>Whether a caller may open a connection of which only bytes are known. A rule with conditions on requests allows nothing
    /// there, and denies by its other conditions.</summary>
    /// <param name="access">The policy; null lets everybody in.</param>
    /// <param name="identity">The caller's SPIFFE identity; null when it shows none.</param>
    public static bool LetsIn(AccessPolicy? access, string? identity)
    {
        if (access is null or { AuditOnly: true })
            return true;
        if (access.Deny.Any(rule => rule.IsFor(identity)))
            return false;
        return !access.IsRestricted || access.Allow.Any(rule => !rule.NeedsHttp && rule.IsFor(identity));
    }

    /// <summary>Whether somebody whom <paramref name="before"/> lets open connections of bytes is not let in by
    /// <paramref name="after"/>.</summary>
    public static bool Narrows(AccessPolicy? before, AccessPolicy? after)
    {
        if (Equals(before, after))
            return false;

        // Conditions on identities are exact ones and prefixes. Within what begins with a text of them, and with no longer one, all are
        // equal.
        return Texts(before)
            .Concat(Texts(after))
            .Append(string.Empty)
            .SelectMany(text => new[] { text, text + '\u0001' })
            .Append(null)
            .Any(identity => LetsIn(before, identity) && !LetsIn(after, identity));
    }

    private static IEnumerable<string> Texts(AccessPolicy? access) =>
        access is null
            ? []
            : access
                .Allow.Concat(access.Deny)
                .SelectMany(rule => rule.Callers)
                .SelectMany(callers => callers)
                .Select(match => match.Value)
                .Distinct();
}

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

    /// <summary>Whether the conditions on the caller hold.</summary>
    /// <param name="identity">Its SPIFFE identity; null when it shows none.</param>
    public bool IsFor(string? identity) =>
        Callers.All(callers =>
            identity is not null
            && callers.Any(match =>
                match.Kind is StringMatchKind.Prefix ? identity.StartsWith(match.Value, StringComparison.Ordinal) : identity == match.Value
            )
        );

    /// <summary>Whether the rule can be decided only for HTTP.</summary>
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
