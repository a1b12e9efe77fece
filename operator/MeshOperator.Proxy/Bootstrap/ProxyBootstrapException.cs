namespace MeshOperator.Proxy.Bootstrap;

/// <summary>A bootstrap that a proxy cannot start with.</summary>
internal sealed class ProxyBootstrapException(string message) : Exception(message);
