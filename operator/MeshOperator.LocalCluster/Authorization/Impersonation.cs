using MeshOperator.LocalCluster.Registry;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.LocalCluster.Authorization;

/// <summary>Lets a user that may act as another one do so, by the Impersonate- headers (<c>kubectl --as</c>).</summary>
internal static class Impersonation
{
    private const string ServiceAccount = "system:serviceaccount:";
    private static readonly Dictionary<string, IReadOnlyList<string>> NoExtra = [];

    /// <summary>Who the request counts as being from.</summary>
    public static UserInfo Apply(HttpRequest request, UserInfo user, Authorizer authorizer)
    {
        var name = request.Headers["Impersonate-User"].ToString();
        if (name.Length == 0)
            return user;
        var given = request.Headers["Impersonate-Group"].OfType<string>().Where(g => g.Length > 0).ToList();
        if (
            name.StartsWith(ServiceAccount, StringComparison.Ordinal)
            && name[ServiceAccount.Length..].Split(':') is [var @namespace, var account]
        )
        {
            authorizer.Demand(new AccessRequest(user, "impersonate", Resource: "serviceaccounts", Namespace: @namespace, Name: account));
            if (given.Count == 0)
                given = ["system:serviceaccounts", $"system:serviceaccounts:{@namespace}"];
        }
        else
        {
            authorizer.Demand(new AccessRequest(user, "impersonate", Resource: "users", Name: name));
        }

        foreach (var group in request.Headers["Impersonate-Group"].OfType<string>())
            authorizer.Demand(new AccessRequest(user, "impersonate", Resource: "groups", Name: group));
        if (!given.Contains("system:authenticated"))
            given.Add("system:authenticated");
        return new UserInfo(name, "", given, NoExtra);
    }
}
