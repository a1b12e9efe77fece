namespace MeshOperator.Injection.Probes;

/// <summary>How an application is asked.</summary>
internal enum ProbeProtocol
{
    Http,
    Https,
    Tcp,
    Grpc,
    GrpcOverTls,
}

/// <summary>A probe or hook that the kubelet asks of the proxy, and what the proxy then asks of the application.</summary>
/// <param name="Path">Where the kubelet asks.</param>
/// <param name="Protocol">How the application is asked.</param>
/// <param name="Port">The application's port.</param>
/// <param name="Target">For HTTP the application's path, without a query; for gRPC the service, which may be empty; else empty.</param>
/// <param name="Period">How often the kubelet asks.</param>
/// <param name="Timeout">How long the kubelet waits.</param>
internal sealed record ApplicationProbe(string Path, ProbeProtocol Protocol, int Port, string Target, TimeSpan Period, TimeSpan Timeout);
