using Envoy.Extensions.Filters.Http.Rbac.V3;
using MeshOperator.Proxy.Exchanges;

namespace MeshOperator.Proxy.Filters;

/// <summary>Answers requests that access rules do not let pass; those of shadow rules are only counted.</summary>
internal sealed class AccessFilter(RBAC configuration) : IHttpFilter
{
    private const int Forbidden = 403;

    private readonly AccessRules? _rules = AccessRules.Create(configuration.Rules);
    private readonly AccessRules? _shadow = AccessRules.Create(configuration.ShadowRules);
    private readonly string _prefix = configuration.RulesStatPrefix;
    private readonly string _shadowPrefix = configuration.ShadowRulesStatPrefix;

    /// <inheritdoc/>
    public async ValueTask<bool> PassAsync(Exchange exchange, IHttpFilter listener)
    {
        var names = listener as AccessFilter ?? this;
        var subject = new AccessSubject(exchange.Request, exchange.Request.Caller);
        if (_shadow is not null)
            Count(exchange, names._shadowPrefix, _shadow.Lets(subject) ? "shadow_allowed" : "shadow_denied");
        if (_rules is null)
            return true;
        var isAllowed = _rules.Lets(subject);
        Count(exchange, names._prefix, isAllowed ? "allowed" : "denied");
        if (!isAllowed)
            await exchange.ReplyAsync(Forbidden, "RBAC: access denied");
        return isAllowed;
    }

    private static void Count(Exchange exchange, string prefix, string name) =>
        exchange.Settings.Statistics.Count("http", exchange.Settings.StatPrefix, $"rbac_{prefix}{name}");
}
