using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using ModelRule = MeshOperator.Mesh.Model.AccessRule;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>The access rules of a MtlsPolicy, by port.</summary>
internal sealed class AccessRules(MtlsPolicySpec spec, string ns, string trustDomain)
{
    private readonly IReadOnlyList<CompleteAccessRule> _deny = MtlsPolicyDefaults.ResolveDeny(spec);

    /// <summary>The rules of those who may call; none means that everybody may.</summary>
    public IReadOnlyList<CompleteAccessRule> Allow { get; } = MtlsPolicyDefaults.ResolveAllow(spec);

    /// <summary>All rules.</summary>
    public IEnumerable<CompleteAccessRule> All => Allow.Concat(_deny);

    /// <summary>The ports that rules name: on those the rules differ from other ports.</summary>
    public IEnumerable<int> Ports => All.SelectMany(r => r.Ports);

    /// <summary>Who may call a port; null when the policy does not bound that. Without a port, one that no rule names is meant.</summary>
    public AccessPolicy? ForPort(int? port)
    {
        if (!All.Any())
            return null;
        return new AccessPolicy(Allow.Count > 0, Rules(Allow, port), Rules(_deny, port), spec.AuditOnly)
        {
            EndsOpenStreams = spec.EndOpenStreams,
        };
    }

    private ValueList<ModelRule> Rules(IReadOnlyList<CompleteAccessRule> rules, int? port) =>
        rules.Where(r => port is { } number ? r.IsFor(number) : r.Ports.Count == 0).Select(ToRule).ToValueList();

    private ModelRule ToRule(CompleteAccessRule rule) =>
        new()
        {
            Callers = new[]
            {
                rule.Identities.Select(Pattern),
                rule.ServiceAccounts.Select(Account),
                rule.Namespaces.Select(name => new StringMatch(StringMatchKind.Prefix, $"spiffe://{trustDomain}/ns/{name}/")),
            }
                .Select(matches => matches.ToValueList())
                .Where(matches => matches.Count > 0)
                .ToValueList(),
            Methods = rule.Methods.ToValueList(),
            Paths = rule.Paths.Select(Pattern).ToValueList(),
        };

    /// <summary>A name without a namespace is of the policy's own.</summary>
    private StringMatch Account(string account)
    {
        var slash = account.IndexOf('/', StringComparison.Ordinal);
        var (owner, name) = slash < 0 ? (ns, account) : (account[..slash], account[(slash + 1)..]);
        return new StringMatch(StringMatchKind.Exact, Spiffe.Identity(trustDomain, owner, name));
    }

    private static StringMatch Pattern(string text) =>
        text.EndsWith('*') ? new StringMatch(StringMatchKind.Prefix, text[..^1]) : new StringMatch(StringMatchKind.Exact, text);
}
