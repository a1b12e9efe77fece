using System.Security.Cryptography;
using System.Text;
using MeshOperator.LocalCluster.Registry;

namespace MeshOperator.LocalCluster.Authentication;

/// <summary>Bearer tokens: the administrator's, and those of service accounts.</summary>
internal sealed class BearerAuthentication(string adminToken, ServiceAccountTokens tokens) : IAuthentication
{
    private const string Scheme = "Bearer ";
    private readonly byte[] _admin = Encoding.UTF8.GetBytes(adminToken);

    public UserInfo? Authenticate(string? authorization)
    {
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return null;
        var token = authorization[Scheme.Length..].Trim();
        return Review(token, [ServiceAccountTokens.Issuer]).User;
    }

    /// <summary>Who a token stands for, if one of these audiences may accept it.</summary>
    public (UserInfo? User, IReadOnlyList<string> Audiences, string Error) Review(string token, IReadOnlyCollection<string> audiences)
    {
        if (CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(token), _admin))
            return (UserInfo.Admin, [.. audiences], "");
        return token.Length == 0 ? (null, [], "no token") : tokens.Check(token, audiences);
    }
}
