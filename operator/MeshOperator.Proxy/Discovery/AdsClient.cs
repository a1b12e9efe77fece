using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using MeshOperator.Proxy.Bootstrap;
using MeshOperator.Proxy.Matching;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Proxy.Discovery;

/// <summary>Keeps a stream to the operator open. What the proxy has it keeps while there is none.</summary>
internal sealed class AdsClient(
    ProxyConfiguration configuration,
    IResourceReceiver receiver,
    LoadReporter loads,
    TimeProvider time,
    ILogger logger
)
{
    private const double Jitter = 0.2;
    private const double Growth = 1.6;
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Runs until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var target = configuration.Ads;
        var backoff = target.FirstBackoff;
        while (!cancellationToken.IsCancellationRequested)
        {
            string reason;
            var wasConnected = false;
            try
            {
                await StreamAsync(() => wasConnected = true, cancellationToken);
                reason = "the operator ended the stream";
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // Whatever ends a stream, the proxy comes back.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                reason = exception is RpcException call ? call.Status.Detail : exception.Message;
            }

            if (cancellationToken.IsCancellationRequested)
                return;
            if (wasConnected)
                backoff = target.FirstBackoff;
            var delay = backoff * (1 - Jitter + (2 * Jitter * Dice.Fraction()));
            if (wasConnected)
                logger.Disconnected(configuration.NodeId, target.Authority, delay, reason);
            else
                logger.CannotConnect(configuration.NodeId, target.Authority, delay, reason);
            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            backoff = backoff * Growth < target.LongestBackoff ? backoff * Growth : target.LongestBackoff;
        }
    }

    private async Task StreamAsync(Action connected, CancellationToken cancellationToken)
    {
        var target = configuration.Ads;
        using var handler = Handler(target);
        using var channel = GrpcChannel.ForAddress(
            $"{(target.RootsFile is null ? "http" : "https")}://{target.Authority}",
            new GrpcChannelOptions { HttpHandler = handler, MaxReceiveMessageSize = null }
        );
        var headers = new Metadata();
        if (target.TokenFile is { } file)
            headers.Add(target.TokenHeader, target.TokenPrefix + (await File.ReadAllTextAsync(file, cancellationToken)).Trim());
        var isLogged = false;
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reporting = loads.RunAsync(channel.CreateCallInvoker(), headers, ends.Token);
        try
        {
            await new AdsStream(receiver, configuration).RunAsync(
                channel.CreateCallInvoker(),
                headers,
                () =>
                {
                    connected();
                    if (!isLogged)
                        logger.Connected(configuration.NodeId, target.Authority);
                    isLogged = true;
                },
                cancellationToken
            );
        }
        finally
        {
            await ends.CancelAsync();
            await reporting;
        }
    }

    /// <summary>The roots are read for each connection, as they change.</summary>
    private static SocketsHttpHandler Handler(AdsTarget target)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = ConnectTimeout,
            KeepAlivePingDelay = target.KeepaliveTime,
            KeepAlivePingTimeout = target.KeepaliveTimeout,
            UseProxy = false,
        };
        if (target.RootsFile is null)
            return handler;
        var chain = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        chain.CustomTrustStore.ImportFromPemFile(target.RootsFile);
        handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = chain };
        if (target.ServerName is { } name)
            handler.SslOptions.TargetHost = name;
        return handler;
    }
}
