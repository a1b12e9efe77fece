using System.Text.Json.Nodes;

namespace MeshOperator.LocalCluster.Registry;

/// <summary>
/// The roles that a cluster has from the start, as far as clients name them
/// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings). `admin`, `edit` and `view`
/// have rules of their own here; in a cluster they are aggregated.
/// </summary>
internal static class BootstrapRoles
{
    private const string Readable = """
        {"apiGroups":[""],"resources":["configmaps","endpoints","events","persistentvolumeclaims","pods","pods/log","pods/status",
        "serviceaccounts","services","services/status","namespaces"],"verbs":["get","list","watch"]},
        {"apiGroups":["apps","batch","discovery.k8s.io","networking.k8s.io","policy"],"resources":["*"],"verbs":["get","list","watch"]}
        """;

    private const string Writable = """
        {"apiGroups":[""],"resources":["configmaps","endpoints","events","persistentvolumeclaims","pods","pods/eviction","secrets",
        "serviceaccounts","serviceaccounts/token","services"],"verbs":["create","delete","deletecollection","get","list","patch",
        "update","watch"]},
        {"apiGroups":["apps","batch","networking.k8s.io","policy"],"resources":["*"],"verbs":["create","delete","deletecollection",
        "patch","update"]}
        """;

    private const string Granting = """
        {"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles","rolebindings"],"verbs":["create","delete","deletecollection",
        "get","list","patch","update","watch"]}
        """;

    private const string Paths = "\"/healthz\",\"/livez\",\"/readyz\",\"/version\",\"/version/\"";

    private static readonly (string Name, string Rules, string[] Groups)[] Table =
    [
        (
            "cluster-admin",
            """{"apiGroups":["*"],"resources":["*"],"verbs":["*"]},{"nonResourceURLs":["*"],"verbs":["*"]}""",
            ["system:masters"]
        ),
        ("admin", $"{Readable},{Writable},{Granting}", []),
        ("edit", $"{Readable},{Writable}", []),
        ("view", Readable, []),
        (
            "system:auth-delegator",
            """
            {"apiGroups":["authentication.k8s.io"],"resources":["tokenreviews"],"verbs":["create"]},
            {"apiGroups":["authorization.k8s.io"],"resources":["subjectaccessreviews"],"verbs":["create"]}
            """,
            []
        ),
        (
            "system:basic-user",
            """
            {"apiGroups":["authorization.k8s.io"],"resources":["selfsubjectaccessreviews","selfsubjectrulesreviews"],
            "verbs":["create"]},{"apiGroups":["authentication.k8s.io"],"resources":["selfsubjectreviews"],"verbs":["create"]}
            """,
            ["system:authenticated"]
        ),
        (
            "system:discovery",
            $$"""{"nonResourceURLs":["/api","/api/*","/apis","/apis/*","/openapi","/openapi/*",{{Paths}}],"verbs":["get"]}""",
            ["system:authenticated"]
        ),
        (
            "system:public-info-viewer",
            $$"""{"nonResourceURLs":[{{Paths}}],"verbs":["get"]}""",
            ["system:authenticated", "system:unauthenticated"]
        ),
    ];

    public static IEnumerable<JsonObject> Roles() =>
        Table.Select(role => new JsonObject { ["metadata"] = Metadata(role.Name), ["rules"] = JsonNode.Parse($"[{role.Rules}]") });

    public static IEnumerable<JsonObject> Bindings() =>
        Table
            .Where(role => role.Groups.Length > 0)
            .Select(role => new JsonObject
            {
                ["metadata"] = Metadata(role.Name),
                ["roleRef"] = new JsonObject
                {
                    ["apiGroup"] = "rbac.authorization.k8s.io",
                    ["kind"] = "ClusterRole",
                    ["name"] = role.Name,
                },
                ["subjects"] = new JsonArray([
                    .. role.Groups.Select(g =>
                        (JsonNode?)
                            new JsonObject
                            {
                                ["apiGroup"] = "rbac.authorization.k8s.io",
                                ["kind"] = "Group",
                                ["name"] = g,
                            }
                    ),
                ]),
            });

    private static JsonObject Metadata(string name) =>
        new()
        {
            ["name"] = name,
            ["labels"] = new JsonObject { ["kubernetes.io/bootstrapping"] = "rbac-defaults" },
        };
}
