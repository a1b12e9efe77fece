namespace MeshOperator.Api;

/// <summary>Names of services, as Kubernetes takes them (RFC 1035 labels).</summary>
internal static class ServiceNames
{
    /// <summary>What they are made of, as an expression.</summary>
    public const string Pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$";

    /// <summary>How many letters they have at most.</summary>
    public const int Longest = 63;
}
