using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Authorization;

/// <summary>Who is bound.</summary>
internal sealed record RoleSubject(string Kind, string Namespace, string Name)
{
    public bool Is(UserInfo user) =>
        Kind switch
        {
            "User" => Name == user.Name,
            "Group" => user.Groups.Contains(Name),
            "ServiceAccount" => Namespace.Length > 0 && user.Name == $"system:serviceaccount:{Namespace}:{Name}",
            _ => false,
        };

    public override string ToString() => Kind == "ServiceAccount" ? $"{Kind} \"{Name}/{Namespace}\"" : $"{Kind} \"{Name}\"";
}

/// <summary>A RoleBinding, or with an empty namespace a ClusterRoleBinding.</summary>
internal sealed record RoleBinding(string Namespace, string Name, string RoleKind, string RoleName, IReadOnlyList<RoleSubject> Subjects)
{
    public static RoleBinding FromObject(StoredObject stored)
    {
        var json = stored.Parse();
        var subjects = json.Objects("subjects")
            .Select(s => new RoleSubject(
                s.Text("kind") ?? "",
                s.Text("namespace") is { Length: > 0 } own ? own : stored.Namespace,
                s.Text("name") ?? ""
            ));
        return new RoleBinding(
            stored.Namespace,
            stored.Name,
            json["roleRef"].Text("kind") ?? "",
            json["roleRef"].Text("name") ?? "",
            [.. subjects]
        );
    }

    public override string ToString() =>
        Namespace.Length == 0
            ? $"ClusterRoleBinding \"{Name}\" of {RoleKind} \"{RoleName}\""
            : $"RoleBinding \"{Name}/{Namespace}\" of {RoleKind} \"{RoleName}\"";
}
