using MeshOperator.Authentication;
using MeshOperator.Xds.Secrets;
using MeshOperator.Xds.Server;

namespace MeshOperator.Composition;

/// <summary>What the ADS server asks of the host.</summary>
internal static class ProxyServices
{
    /// <summary>Adds who may connect and which identity it is given.</summary>
    public static void AddProxies(this IServiceCollection services)
    {
        services.AddSingleton<TokenReviewer>();
        services.AddSingleton<ReviewCache>();
        services.AddSingleton<AttemptLimiter>();
        services.AddSingleton<PodSessions>();
        services.AddSingleton<INodeAuthenticator, TokenAuthenticator>();
        services.AddSingleton<IIdentitySource, MeshIdentitySource>();
    }
}
