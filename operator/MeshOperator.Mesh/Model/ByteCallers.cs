namespace MeshOperator.Mesh.Model;

/// <summary>Who may open a connection of which only bytes are known. A proxy asks for it in the handshake, as a server that speaks first
/// has sent data before the client's first byte.</summary>
/// <param name="IsOpen">Whether callers that show no identity may connect.</param>
/// <param name="Ranges">The identities that may; empty means that no identity may connect.</param>
public sealed record ByteCallers(bool IsOpen, ValueList<CallerRange> Ranges)
{
    /// <summary>Whether each denied caller can be refused in the handshake; see <see cref="CallerRange.MostExcluded"/>.</summary>
    public bool IsExact => Ranges.All(range => range.IsExact);

    /// <summary>The callers that <paramref name="access"/> lets connect; null when that is everybody. Conditions on requests are not looked
    /// at: a rule that has some allows nothing and denies by its other conditions.</summary>
    public static ByteCallers? FromAccess(AccessPolicy? access)
    {
        if (access is null or { AuditOnly: true } || (!access.IsRestricted && access.Deny.Count == 0))
            return null;
        var allowed = access.IsRestricted ? access.Allow.Where(rule => !rule.NeedsHttp).Select(Callers).ToList() : [null];
        var denied = access.Deny.Select(Callers).ToList();
        if (denied.Contains(null))
            return new ByteCallers(IsOpen: false, []);
        return new ByteCallers(allowed.Contains(null), CombineRanges(allowed, [.. denied.SelectMany(callers => callers!)]).ToValueList());
    }

    private static IEnumerable<CallerRange> CombineRanges(List<List<StringMatch>?> allowed, List<StringMatch> denied)
    {
        foreach (var caller in allowed.SelectMany(callers => callers ?? [new StringMatch(StringMatchKind.Prefix, string.Empty)]).Distinct())
        {
            var excluded = denied.Where(d => Intersect(caller, d) is not null).ToValueList();
            if (!excluded.Any(d => Intersect(caller, d) == caller))
                yield return new CallerRange(caller, excluded);
        }
    }

    /// <summary>The callers that a rule is for: of each of its lists of conditions one must hold. Null means everybody.</summary>
    private static List<StringMatch>? Callers(AccessRule rule)
    {
        if (rule.Callers.Count == 0)
            return null;
        var callers = rule.Callers[0].ToList();
        foreach (var further in rule.Callers.Skip(1))
            callers = [.. callers.SelectMany(caller => further.Select(other => Intersect(caller, other))).OfType<StringMatch>()];
        return [.. callers.Distinct()];
    }

    /// <summary>What both match, or null. Conditions on identities are exact ones and prefixes, so it is one of the two.</summary>
    private static StringMatch? Intersect(StringMatch a, StringMatch b)
    {
        if (a.Kind is StringMatchKind.Prefix && b.Value.StartsWith(a.Value, StringComparison.Ordinal))
            return b;
        if (b.Kind is StringMatchKind.Prefix && a.Value.StartsWith(b.Value, StringComparison.Ordinal))
            return a;
        return a == b ? a : null;
    }
}

/// <summary>Identities that may connect.</summary>
/// <param name="Allowed">The condition on them.</param>
/// <param name="Denied">Those of them that may not.</param>
public sealed record CallerRange(StringMatch Allowed, ValueList<StringMatch> Denied)
{
    /// <summary>How many letters of denied identities are excluded in the handshake. Their expression grows with them, and a proxy takes
    /// it up to a bound (<c>re2.max_program_size.error_level</c>). Beyond that rules for bytes decide alone, at the client's first
    /// byte.</summary>
    public const int MostExcluded = 2000;

    /// <summary>Whether the denied ones can be excluded in the handshake.</summary>
    public bool IsExact => Denied.Sum(denied => denied.Value.Length) <= MostExcluded;
}
