namespace MeshOperator.Xds.Translation.Shared;

/// <summary>The names of access rules in Envoy's statistics and metadata.</summary>
internal static class AuditNames
{
    /// <summary>The filter of rules that deny.</summary>
    public const string Deny = "deny";

    /// <summary>The filter of rules that allow.</summary>
    public const string Allow = "allow";

    /// <summary>The name of the metadata with what the rules would do (Envoy's documentation of the RBAC filter).</summary>
    public const string ShadowResult = "shadow_engine_result";

    /// <summary>The name of the metadata with the rule that decided.</summary>
    public const string ShadowPolicy = "shadow_effective_policy_id";

    /// <summary>What stands before the names of statistics and metadata of rules that only count.</summary>
    public static readonly IReadOnlyList<string> AuditPrefixes = [Prefix(Deny), Prefix(Allow)];

    /// <summary>What stands before the names of statistics and metadata of rules that only count.</summary>
    public static string Prefix(string rules) => $"audit_{rules}_";
}
