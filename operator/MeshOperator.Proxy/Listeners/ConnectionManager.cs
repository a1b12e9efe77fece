using System.Security.Cryptography;
using MeshOperator.Proxy.Exchanges;
using MeshOperator.Proxy.Filters;
using MeshOperator.Proxy.Matching;
using MeshOperator.Proxy.Resources;
using MeshOperator.Proxy.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using EarlyHeaderMutation = Envoy.Extensions.Http.EarlyHeaderMutation.HeaderMutation.V3.HeaderMutation;
using Manager = Envoy.Extensions.Filters.Network.HttpConnectionManager.V3.HttpConnectionManager;

namespace MeshOperator.Proxy.Listeners;

/// <summary>Answers requests as a connection manager of Envoy's says: by its filters, and then by its routes.</summary>
internal sealed class ConnectionManager : IRequestHandler
{
    private const string ClientCertificate = "x-forwarded-client-cert";
    private const string RequestId = "x-request-id";
    private const string ForwardedProto = "x-forwarded-proto";

    private readonly ChainFactory _stores;
    private readonly string? _routeName;
    private readonly RouteTable? _ownRoutes;
    private readonly HttpFilters _filters;
    private readonly ExchangeSettings _settings;
    private readonly string[] _removed;
    private readonly string _defaultHost;
    private readonly bool _setsCertificate;
    private readonly bool _setsUri;
    private readonly bool _upgrades;

    /// <summary>Makes one.</summary>
    /// <exception cref="ArgumentException">Something in it cannot be had here.</exception>
    public ConnectionManager(Manager manager, ChainFactory stores)
    {
        _stores = stores;
        _routeName = manager.Rds?.RouteConfigName;
        _ownRoutes = manager.RouteConfig is { } routes ? new RouteTable(routes) : null;
        _filters = new HttpFilters(manager.HttpFilters, stores.Extensions, stores.Time);
        var idle = manager.StreamIdleTimeout?.ToTimeSpan() ?? TimeSpan.FromMinutes(5);
        _settings = new ExchangeSettings(
            manager.StatPrefix,
            ReadLocalReplies(manager),
            idle > TimeSpan.Zero ? idle : null,
            stores.Statistics,
            stores.Runtime
        );
        _removed =
        [
            .. manager
                .EarlyHeaderMutationExtensions.Select(extension => ResourceReader.Unpack(extension.TypedConfig))
                .OfType<EarlyHeaderMutation>()
                .SelectMany(extension => extension.Mutations)
                .Select(mutation => mutation.Remove),
        ];
        _defaultHost = manager.HttpProtocolOptions?.DefaultHostForHttp10 ?? "";
        _setsCertificate = manager.ForwardClientCertDetails is Manager.Types.ForwardClientCertDetails.SanitizeSet;
        _setsUri = manager.SetCurrentClientCertDetails?.Uri ?? false;
        _upgrades = manager.UpgradeConfigs.Count > 0;
    }

    /// <inheritdoc/>
    public async Task HandleAsync(HttpContext context, ProxiedConnection connection)
    {
        Prepare(context.Request, connection);
        var request = new RequestView(context) { Authority = context.Request.Headers.Host.ToString(), Caller = connection.Caller };
        var routes = _ownRoutes ?? (_routeName is null ? null : _stores.Routes.Find(_routeName));
        var exchange = new Exchange(context, request, _settings)
        {
            Route = routes?.Find(request, _stores.Runtime),
            ResponseHeadersToRemove = routes?.ResponseHeadersToRemove ?? [],
        };
        _stores.Statistics.Count("http", _settings.StatPrefix, "downstream_rq_total");
        if (!_upgrades && context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true })
            await exchange.ReplyAsync(StatusCodes.Status403Forbidden, "");
        else if (await _filters.PassAsync(exchange))
            await _stores.Forwarder.ForwardAsync(exchange);
        _stores.Statistics.CountResponse("http", _settings.StatPrefix, "downstream_rq", context.Response.StatusCode);
    }

    /// <summary>Headers of answers by the flag of their failure. Of several mappers for a flag the first counts, as with Envoy.</summary>
    private static Dictionary<string, HeaderChanges> ReadLocalReplies(Manager manager) =>
        (manager.LocalReplyConfig?.Mappers ?? [])
            .SelectMany(mapper => (mapper.Filter?.ResponseFlagFilter?.Flags ?? []).Select(flag => (Flag: flag, mapper.HeadersToAdd)))
            .DistinctBy(mapped => mapped.Flag)
            .ToDictionary(mapped => mapped.Flag, mapped => new HeaderChanges(mapped.HeadersToAdd, []), StringComparer.Ordinal);

    /// <summary>Takes out headers that nobody may send, and adds those that Envoy adds.</summary>
    private void Prepare(HttpRequest request, ProxiedConnection connection)
    {
        var headers = request.Headers;
        foreach (var name in _removed)
            headers.Remove(name);
        headers.Remove("proxy-connection");
        headers.Remove(ClientCertificate);
        if (_setsCertificate && connection.Certificate is { } certificate)
        {
            var parts = new List<string>();
            if (connection.Self is { } self)
                parts.Add($"By={self}");
            parts.Add($"Hash={Convert.ToHexStringLower(certificate.GetCertHash(HashAlgorithmName.SHA256))}");
            if (_setsUri)
                parts.Add($"URI={connection.Caller}");
            headers[ClientCertificate] = string.Join(';', parts);
        }

        if (RequestView.ParseAuthority(request.HttpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget) is { } host)
            headers.Host = host;
        if (headers.Host.Count == 0 || headers.Host[0] is "")
            headers.Host = _defaultHost;
        if (!headers.ContainsKey(RequestId))
            headers[RequestId] = Guid.NewGuid().ToString();
        if (!headers.ContainsKey(ForwardedProto))
            headers[ForwardedProto] = "http";
    }
}
