namespace MeshOperator.LocalCluster;

/// <summary>Who may do what.</summary>
public enum AuthorizationMode
{
    /// <summary>By Roles, ClusterRoles and their bindings; the administrator may do everything, a service account without a binding
    /// nothing but discovery, health and asking what it may do.</summary>
    Rbac,

    /// <summary>Every authenticated client may do everything.</summary>
    AlwaysAllow,
}
