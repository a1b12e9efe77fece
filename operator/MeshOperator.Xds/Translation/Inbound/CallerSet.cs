using System.Text;
using Envoy.Type.Matcher.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Which callers may open a connection of which only bytes are known. A server that speaks first has sent data before the
/// client's first byte, so this is asked in the handshake already: as conditions on the SPIFFE identity in the client's
/// certificate.</summary>
internal sealed class CallerSet
{
    private CallerSet(bool isOpen, IReadOnlyList<StringMatcher> identities)
    {
        IsOpen = isOpen;
        Identities = identities;
    }

    /// <summary>Whether callers that show no identity may connect.</summary>
    public bool IsOpen { get; }

    /// <summary>Conditions on identities, of which one must hold; empty means that nobody may connect.</summary>
    public IReadOnlyList<StringMatcher> Identities { get; }

    /// <summary>The callers that <paramref name="access"/> lets connect; null when that is everybody. Where more is denied than an
    /// expression can say, denied ones are among them.</summary>
    public static CallerSet? FromAccess(AccessPolicy? access) =>
        ByteCallers.FromAccess(access) is { } callers ? new CallerSet(callers.IsOpen, [.. callers.Ranges.Select(ToMatcher)]) : null;

    private static StringMatcher ToMatcher(CallerRange range) =>
        range.Denied.Count > 0 && range.IsExact ? Without(range.Allowed.Value, range.Denied) : AccessBuilder.ToMatcher(range.Allowed);

    /// <summary>Matches what begins with <paramref name="prefix"/>, but none of <paramref name="excluded"/>. RE2 has no look-ahead, so the
    /// expression spells out at each letter of an excluded text where another one may leave it; it is linear in their length.</summary>
    private static StringMatcher Without(string prefix, ValueList<StringMatch> excluded)
    {
        var root = new Node();
        foreach (var match in excluded)
        {
            var node = root;
            foreach (var c in match.Value[prefix.Length..])
                node = node.Child(c);
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
            if (kind is StringMatchKind.Prefix)
                _excludesAll = true;
            else
                _excludesEnd = true;
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
                foreach (var c in _children.Keys)
                    output.Append(MatchBuilder.Quote(c.ToString()).Replace("-", @"\-", StringComparison.Ordinal));
                output.Append("].*");
            }

            foreach (var (c, child) in _children.Where(entry => !entry.Value._excludesAll))
            {
                output.Append('|').Append(MatchBuilder.Quote(c.ToString()));
                child.Write(output);
            }

            if (!_excludesEnd)
                output.Append('|');
            output.Append(')');
        }
    }
}
