using Grpc.AspNetCore.Server.Model;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.LoadStats;
using MeshOperator.Xds.Registry;
using MeshOperator.Xds.Secrets;
using MeshOperator.Xds.Server;
using MeshOperator.Xds.Translation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace MeshOperator.Xds.Hosting;

/// <summary>Puts the ADS server into a host.</summary>
public static class XdsServiceCollectionExtensions
{
    /// <summary>Adds <see cref="EnvoyTranslator"/>, <see cref="SnapshotCache"/>, <see cref="ProxyRegistry"/> and the ADS server. The host
    /// registers an <see cref="IIdentitySource"/> and an <see cref="INodeAuthenticator"/>.</summary>
    public static IServiceCollection AddXdsServer(this IServiceCollection services, Action<XdsServerOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddGrpc();
        services.AddMetrics();
        services.AddOptions<XdsServerOptions>().Configure(options => configure?.Invoke(options)).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<XdsServerOptions>, XdsServerOptionsValidator>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<EnvoyTranslator>();
        services.TryAddSingleton<SnapshotCache>();
        services.TryAddSingleton<ProxyRegistry>();
        services.TryAddSingleton<SecretCache>();
        services.TryAddSingleton<XdsMetrics>();
        services.TryAddSingleton<Refusals>();
        services.TryAddSingleton<StreamLimits>();
        services.TryAddSingleton<StreamDrain>();
        services.TryAddSingleton<FirstConfigurations>();
        services.TryAddSingleton<NodeGate>();
        services.TryAddSingleton<AdsStreamContext>();
        services.TryAddSingleton<LoadStatsCollector>();
        services.TryAddSingleton<LoadStatsService>();
        services.TryAddSingleton<AdsService>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IServiceMethodProvider<AdsService>, AdsMethods>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IServiceMethodProvider<LoadStatsService>, LoadStatsMethods>());
        return services;
    }

    /// <summary>Maps the gRPC methods of ADS and LRS, for all of the host's ports; which clients are accepted on which of them is for
    /// <see cref="INodeAuthenticator"/> to decide.</summary>
    /// <returns>The endpoints.</returns>
    public static IReadOnlyList<IEndpointConventionBuilder> MapXdsServer(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        return [endpoints.MapGrpcService<AdsService>(), endpoints.MapGrpcService<LoadStatsService>()];
    }
}
