using System.Text;
using Envoy.Type.Matcher.V3;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Which callers may open a connection of which only bytes are known. A server that speaks first has told things before the
/// client's first byte, so this is asked in the handshake already: as conditions on the SPIFFE identity in the client's certificate.</summary>
internal sealed class CallerSet
{
    /// <summary>How many letters of denied identities are excluded in the handshake. Their expression grows with them, and a proxy takes it
    /// up to a bound (<c>re2.max_program_size.error_level</c>). Beyond that rules for bytes decide alone, at the client's first byte.</summary>
    public const int MostExcluded = 2000;

    private const string Anything = "";

    private CallerSet(bool isOpen, IReadOnlyList<StringMatcher> identities, bool isExact)
    {
        IsOpen = isOpen;
        Identities = identities;
        IsExact = isExact;
    }

    /// <summary>Whether callers that show no identity may connect.</summary>
    public bool IsOpen { get; }

    /// <summary>Conditions on identities, of which one must hold; empty means that nobody may connect.</summary>
    public IReadOnlyList<StringMatcher> Identities { get; }

    /// <summary>False when more was denied than an expression can say; see <see cref="MostExcluded"/>.</summary>
    public bool IsExact { get; }

    /// <summary>The callers that <paramref name="access"/> lets connect; null when that is everybody. Conditions on requests are not looked at:
    /// a rule that has some allows nothing and denies by its other conditions.</summary>
    public static CallerSet? Of(AccessPolicy? access)
    {
        if (access is null or { AuditOnly: true } || (!access.IsRestricted && access.Deny.Count == 0)) return null;
        var allowed = access.IsRestricted ? access.Allow.Where(rule => !rule.NeedsHttp).Select(Callers).ToList() : [null];
        var denied = access.Deny.Select(Callers).ToList();
        if (denied.Contains(null)) return new CallerSet(isOpen: false, [], isExact: true);
        return Create(allowed.Contains(null), allowed, [.. denied.SelectMany(callers => callers!)]);
    }

    private static CallerSet Create(bool isOpen, List<List<StringMatch>?> allowed, List<StringMatch> denied)
    {
        var exact = true;
        var identities = new List<StringMatcher>();
        foreach (var caller in allowed.SelectMany(callers => callers ?? [new StringMatch(StringMatchKind.Prefix, Anything)]).Distinct())
        {
            var excluded = denied.Where(d => Intersect(caller, d) is not null).ToList();
            if (excluded.Exists(d => Intersect(caller, d) == caller)) continue;
            if (excluded.Sum(d => d.Value.Length) > MostExcluded) exact = false;
            identities.Add(excluded.Count == 0 || !exact ? AccessBuilder.ToMatcher(caller) : Without(caller.Value, excluded));
        }

        return new CallerSet(isOpen, identities, exact);
    }

    /// <summary>The callers that a rule is for: of each of its lists of conditions one must hold. Null means everybody.</summary>
    private static List<StringMatch>? Callers(AccessRule rule)
    {
        if (rule.Callers.Count == 0) return null;
        var callers = rule.Callers[0].ToList();
        foreach (var further in rule.Callers.Skip(1))
            callers = [.. callers.SelectMany(caller => further.Select(other => Intersect(caller, other))).OfType<StringMatch>()];
        return [.. callers.Distinct()];
    }

    /// <summary>What both match, or null. Conditions on identities are exact ones and prefixes, so it is one of the two.</summary>
    private static StringMatch? Intersect(StringMatch a, StringMatch b)
    {
        if (a.Kind is StringMatchKind.Prefix && b.Value.StartsWith(a.Value, StringComparison.Ordinal)) return b;
        if (b.Kind is StringMatchKind.Prefix && a.Value.StartsWith(b.Value, StringComparison.Ordinal)) return a;
        return a == b ? a : null;
    }

    /// <summary>Matches what begins with <paramref name="prefix"/>, but none of <paramref name="excluded"/>. RE2 has no look-ahead, so the
    /// expression spells out at each letter of an excluded text where another one may leave it; it is linear in their length.</summary>
    private static StringMatcher Without(string prefix, List<StringMatch> excluded)
    {
        var root = new Node();
        foreach (var match in excluded)
        {
            var node = root;
            foreach (var c in match.Value[prefix.Length..]) node = node.Child(c);
            node.Excludes(match.Kind);
        }

        var expression = new StringBuilder("(?s)").Append(MatchBuilder.Quote(prefix));
        root.Write(expression);
        return new StringMatcher { SafeRegex = new RegexMatcher { Regex = expression.ToString() } };
    }

    /// <summary>A node of the tree of excluded texts.</summary>
    private sealed class Node
    {
        private readonly SortedDictionary<char, Node> _children = [];
        private bool _excludesEnd;
        private bool _excludesAll;

        public Node Child(char c) => _children.TryGetValue(c, out var child) ? child : _children[c] = new Node();

        public void Excludes(StringMatchKind kind)
        {
            if (kind is StringMatchKind.Prefix) _excludesAll = true;
            else _excludesEnd = true;
        }

        /// <summary>Writes an expression for all that may follow here.</summary>
        public void Write(StringBuilder output)
        {
            output.Append("(?:");
            if (_children.Count == 0)
            {
                output.Append(".+");
            }
            else
            {
                output.Append("[^");
                foreach (var c in _children.Keys) output.Append(MatchBuilder.Quote(c.ToString()).Replace("-", @"\-", StringComparison.Ordinal));
                output.Append("].*");
            }

            foreach (var (c, child) in _children.Where(entry => !entry.Value._excludesAll))
            {
                output.Append('|').Append(MatchBuilder.Quote(c.ToString()));
                child.Write(output);
            }

            if (!_excludesEnd) output.Append('|');
            output.Append(')');
        }
    }
}
