namespace MeshOperator.Checks.Installation;

/// <summary>A right that a user may lack.</summary>
/// <param name="Verb">For example <c>create</c>.</param>
/// <param name="Group">The API group; empty for core.</param>
/// <param name="Resource">For example <c>deployments</c>.</param>
/// <param name="IsNamespaced">Whether it is needed in the operator's namespace only.</param>
internal sealed record NeededRight(string Verb, string Group, string Resource, bool IsNamespaced)
{
    /// <inheritdoc/>
    public override string ToString() => Group.Length == 0 ? $"{Verb} {Resource}" : $"{Verb} {Resource}.{Group}";
}

/// <summary>Whether the user may install the chart.</summary>
internal static class RightsCheck
{
    private const string Rbac = "rbac.authorization.k8s.io";
    private const string Admission = "admissionregistration.k8s.io";

    /// <summary>What Helm does for the chart and for its own records. Who gives rights must have them, or may escalate.</summary>
    public static IReadOnlyList<NeededRight> Needed { get; } =
    [
        new("create", "", "secrets", IsNamespaced: true),
        new("create", "", "serviceaccounts", IsNamespaced: true),
        new("create", "", "services", IsNamespaced: true),
        new("create", "", "resourcequotas", IsNamespaced: true),
        new("create", "apps", "deployments", IsNamespaced: true),
        new("create", "policy", "poddisruptionbudgets", IsNamespaced: true),
        new("create", Rbac, "roles", IsNamespaced: true),
        new("create", Rbac, "rolebindings", IsNamespaced: true),
        new("create", Rbac, "clusterroles", IsNamespaced: false),
        new("create", Rbac, "clusterrolebindings", IsNamespaced: false),
        new("escalate", Rbac, "clusterroles", IsNamespaced: false),
        new("create", Admission, "mutatingwebhookconfigurations", IsNamespaced: false),
        new("create", Admission, "validatingwebhookconfigurations", IsNamespaced: false),
        new("create", "apiextensions.k8s.io", "customresourcedefinitions", IsNamespaced: false),
    ];

    public static Finding Find(IReadOnlyCollection<NeededRight> missing) =>
        missing.Count == 0
            ? Finding.Ok(CheckNames.Rights, "this user may install the chart")
            : Finding.Error(
                CheckNames.Rights,
                $"this user may not {string.Join(", ", missing)}; install as a user with the ClusterRole cluster-admin"
            );
}
