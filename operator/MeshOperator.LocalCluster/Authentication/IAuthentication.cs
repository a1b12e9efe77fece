using MeshOperator.LocalCluster.Registry;

namespace MeshOperator.LocalCluster.Authentication;

/// <summary>Finds out who asks.</summary>
internal interface IAuthentication
{
    /// <summary>The user of an Authorization header; null if it names none.</summary>
    UserInfo? Authenticate(string? authorization);
}
