namespace MeshOperator.Xds.Resources;

/// <summary>The types of resources that are served, in the order in which they are sent: a cluster comes before its endpoints, both
/// before the listeners and routes that use them.</summary>
public enum ResourceType
{
    /// <summary>Clusters (CDS).</summary>
    Cluster,

    /// <summary>The endpoints of a cluster (EDS).</summary>
    Endpoints,

    /// <summary>Listeners (LDS).</summary>
    Listener,

    /// <summary>Route configurations (RDS).</summary>
    Route,

    /// <summary>Certificates and trust bundles (SDS).</summary>
    Secret,

    /// <summary>The configuration of filters that listeners name (ECDS).</summary>
    Extension,

    /// <summary>Layers of runtime values (RTDS).</summary>
    Runtime,
}

/// <summary>What is known of each <see cref="ResourceType"/>.</summary>
internal static class ResourceTypes
{
    public const int Count = 7;

    private const string Prefix = "type.googleapis.com/";

    private static readonly string[] Urls =
    [
        Prefix + "envoy.config.cluster.v3.Cluster",
        Prefix + "envoy.config.endpoint.v3.ClusterLoadAssignment",
        Prefix + "envoy.config.listener.v3.Listener",
        Prefix + "envoy.config.route.v3.RouteConfiguration",
        Prefix + "envoy.extensions.transport_sockets.tls.v3.Secret",
        Prefix + "envoy.config.core.v3.TypedExtensionConfig",
        Prefix + "envoy.service.runtime.v3.Runtime",
    ];

    private static readonly string[] ShortNames = ["cds", "eds", "lds", "rds", "sds", "ecds", "rtds"];

    public static string Url(this ResourceType type) => Urls[(int)type];

    /// <summary>The name that Envoy's users know: <c>cds</c>, <c>eds</c>, <c>lds</c>, <c>rds</c>, <c>sds</c>, <c>ecds</c>,
    /// <c>rtds</c>.</summary>
    public static string ShortName(this ResourceType type) => ShortNames[(int)type];

    public static bool TryParse(string url, out ResourceType type)
    {
        var index = Array.IndexOf(Urls, url);
        type = (ResourceType)index;
        return index >= 0;
    }

    /// <summary>A state-of-the-world response of these types is the whole truth: what is not in it is gone. An empty first request
    /// for them asks for everything.</summary>
    public static bool IsComplete(this ResourceType type) => type is ResourceType.Cluster or ResourceType.Listener;
}
