namespace MeshOperator.Api;

/// <summary>Names of the Gateway API, by which its tools find policies of others (GEP-713).</summary>
public static class GatewayApi
{
    /// <summary>The label of a definition whose objects are policies.</summary>
    public const string PolicyLabel = "gateway.networking.k8s.io/policy";

    /// <summary>Policies that change nothing but the objects that they name.</summary>
    public const string DirectPolicy = "Direct";
}
