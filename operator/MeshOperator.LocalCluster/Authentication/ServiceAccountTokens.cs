using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Store;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace MeshOperator.LocalCluster.Authentication;

/// <summary>Issues and checks the ES256 tokens of service accounts.</summary>
internal sealed class ServiceAccountTokens : IDisposable
{
    public const string Issuer = "https://kubernetes.default.svc.cluster.local";
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsaSecurityKey _signing;
    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false };
    private readonly ObjectStore _store;
    private readonly ResourceKind _accounts;
    private readonly ResourceKind _pods;
    private readonly TimeProvider _time;

    public ServiceAccountTokens(ObjectStore store, KindRegistry kinds, TimeProvider time)
    {
        _store = store;
        _accounts = kinds.Builtin("", "serviceaccounts");
        _pods = kinds.Builtin("", "pods");
        _time = time;
        _signing = new ECDsaSecurityKey(_key) { KeyId = RandomNumberGenerator.GetHexString(16, lowercase: true) };
    }

    /// <summary>Issues a token.</summary>
    /// <param name="account">The service account.</param>
    /// <param name="audiences">Who may accept it.</param>
    /// <param name="expires">When it ends.</param>
    /// <param name="pod">The pod it is bound to, or null.</param>
    public string Issue(StoredObject account, IReadOnlyList<string> audiences, DateTimeOffset expires, StoredObject? pod)
    {
        var now = _time.GetUtcNow();
        var binding = new JsonObject
        {
            ["namespace"] = account.Namespace,
            ["serviceaccount"] = new JsonObject { ["name"] = account.Name, ["uid"] = account.Uid },
        };
        if (pod is not null)
        {
            binding["pod"] = new JsonObject { ["name"] = pod.Name, ["uid"] = pod.Uid };
            if (pod.Fields.GetValueOrDefault("spec.nodeName") is { Length: > 0 } node)
                binding["node"] = new JsonObject { ["name"] = node };
        }

        var payload = new JsonObject
        {
            ["aud"] = new JsonArray([.. audiences.Select(a => (JsonNode?)a)]),
            ["exp"] = expires.ToUnixTimeSeconds(),
            ["iat"] = now.ToUnixTimeSeconds(),
            ["iss"] = Issuer,
            ["jti"] = Guid.NewGuid().ToString(),
            ["kubernetes.io"] = binding,
            ["nbf"] = now.ToUnixTimeSeconds(),
            ["sub"] = UserName(account.Namespace, account.Name),
        };
        return _handler.CreateToken(JsonText.EncodeText(payload), new SigningCredentials(_signing, SecurityAlgorithms.EcdsaSha256));
    }

    /// <summary>Checks a token.</summary>
    /// <param name="token">The token.</param>
    /// <param name="audiences">It must be meant for one of these.</param>
    /// <returns>The user and the audiences both sides name; or the reason of the refusal.</returns>
    public (UserInfo? User, IReadOnlyList<string> Audiences, string Error) Check(string token, IReadOnlyCollection<string> audiences)
    {
        var parameters = new TokenValidationParameters
        {
            ValidIssuer = Issuer,
            IssuerSigningKey = _signing,
            ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
            ValidateAudience = false,
            ValidateLifetime = false,
        };
        TokenValidationResult result;
        try
        {
            // With a key in hand the validation is synchronous underneath.
            result = _handler.ValidateTokenAsync(token, parameters).GetAwaiter().GetResult();
        }
        catch (ArgumentException e)
        {
            return (null, [], e.Message);
        }

        if (!result.IsValid || result.SecurityToken is not JsonWebToken jwt)
            return (null, [], "invalid bearer token");
        return CheckClaims(jwt, audiences);
    }

    public static string UserName(string @namespace, string name) => $"system:serviceaccount:{@namespace}:{name}";

    public void Dispose() => _key.Dispose();

    private (UserInfo? User, IReadOnlyList<string> Audiences, string Error) CheckClaims(
        JsonWebToken jwt,
        IReadOnlyCollection<string> audiences
    )
    {
        var now = _time.GetUtcNow().UtcDateTime;
        if (jwt.ValidTo <= now)
            return (null, [], "service account token has expired");
        if (jwt.ValidFrom > now.AddSeconds(1))
            return (null, [], "service account token is not valid yet");
        var shared = jwt.Audiences.Intersect(audiences).ToArray();
        if (shared.Length == 0)
            return (
                null,
                [],
                $"token audiences [{string.Join(" ", jwt.Audiences.Select(a => $"\"{a}\""))}] is invalid for the target audiences "
                    + $"[{string.Join(" ", audiences.Select(a => $"\"{a}\""))}]"
            );
        if (!jwt.TryGetPayloadValue<JsonElement>("kubernetes.io", out var element))
            return (null, [], "token has no kubernetes.io claim");
        var claim = JsonText.DecodeObject(System.Text.Encoding.UTF8.GetBytes(element.GetRawText()));
        var @namespace = claim.Text("namespace") ?? "";
        var name = claim.Object("serviceaccount").Text("name") ?? "";
        var account = _store.Find(_accounts, @namespace, name);
        if (account is null || account.IsDeleting)
            return (null, [], $"service account {@namespace}/{name} has been deleted");
        if (account.Uid != claim.Object("serviceaccount").Text("uid"))
            return (null, [], $"service account UID ({account.Uid}) does not match claim ({claim.Object("serviceaccount").Text("uid")})");
        var extra = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal)
        {
            ["authentication.kubernetes.io/credential-id"] = [$"JTI={jwt.Id}"],
        };
        if (claim.Object("pod") is { } bound)
        {
            var pod = _store.Find(_pods, @namespace, bound.Text("name") ?? "");
            if (pod is null || pod.Uid != bound.Text("uid"))
                return (null, [], "service account token has been invalidated");
            extra["authentication.kubernetes.io/pod-name"] = [pod.Name];
            extra["authentication.kubernetes.io/pod-uid"] = [pod.Uid];
            if (claim.Object("node").Text("name") is { } node)
                extra["authentication.kubernetes.io/node-name"] = [node];
        }

        var groups = new[] { "system:serviceaccounts", $"system:serviceaccounts:{@namespace}", "system:authenticated" };
        return (new UserInfo(UserName(@namespace, name), account.Uid, groups, extra), shared, "");
    }
}
