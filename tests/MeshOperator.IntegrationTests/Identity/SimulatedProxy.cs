using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Envoy.Service.Discovery.V3;
using Grpc.Core;
using Grpc.Net.Client;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;

namespace MeshOperator.IntegrationTests.Identity;

/// <summary>The part of a sidecar that has to do with certificates: it takes them over ADS with its pod's token, keeps them while it is not
/// connected, and knows the operator by the roots that it read when it started.</summary>
internal sealed class SimulatedProxy : IAsyncDisposable
{
    private static readonly TimeSpan ReconnectAfter = TimeSpan.FromMilliseconds(200);
    private readonly string _token;
    private readonly X509Certificate2Collection _roots = [];
    private readonly Func<int> _port;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private readonly Lock _gate = new();
    private HashSet<string>? _acknowledged;
    private TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Credentials? _credentials;

    /// <summary>Starts it.</summary>
    /// <param name="nodeId">Its node id.</param>
    /// <param name="identity">Its SPIFFE identity, which others must find in its certificate.</param>
    /// <param name="token">Its pod's token.</param>
    /// <param name="roots">How it knows the operator, PEM.</param>
    /// <param name="port">Where an operator's ADS port over TLS is now.</param>
    public SimulatedProxy(string nodeId, string identity, string token, string roots, Func<int> port)
    {
        (NodeId, Identity, _token, _port) = (nodeId, identity, token, port);
        _roots.ImportFromPem(roots);
        _running = RunAsync();
    }

    public string NodeId { get; }

    public string Identity { get; }

    /// <summary>What it would use for a connection now; null before the first.</summary>
    public Credentials? Current => Volatile.Read(ref _credentials);

    /// <summary>How many streams it has opened.</summary>
    public int Streams { get; private set; }

    /// <summary>Why its last stream could not be opened.</summary>
    public string LastError { get; private set; } = "";

    /// <summary>From now on acknowledges only what comes of roots and signers that it knows already; <see cref="Release"/> lets one more
    /// pass.</summary>
    public void Hold()
    {
        lock (_gate)
            _acknowledged = [Current!.Origin];
    }

    /// <summary>Acknowledges what it was sent last.</summary>
    public void Release()
    {
        lock (_gate)
        {
            _acknowledged?.Add(Current!.Origin);
            _released.SetResult();
            _released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Acknowledges everything again.</summary>
    public void EndHolding()
    {
        lock (_gate)
            _acknowledged = null;
        Release();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    /// <summary>A TLS connection between two proxies, each with its present certificate and roots, each looking for the other's
    /// identity.</summary>
    /// <exception cref="AuthenticationException">One does not trust the other.</exception>
    public static async Task HandshakeAsync(SimulatedProxy client, SimulatedProxy server, CancellationToken cancellation)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start(1);
        using var outgoing = new TcpClient();
        var accepting = listener.AcceptTcpClientAsync(cancellation).AsTask();
        await outgoing.ConnectAsync((IPEndPoint)listener.LocalEndpoint, cancellation);
        using var incoming = await accepting;
        await using var serverStream = new SslStream(incoming.GetStream());
        await using var clientStream = new SslStream(outgoing.GetStream());
        var (own, other) = (client.Current!, server.Current!);
        var serving = serverStream.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions
            {
                ServerCertificateContext = other.Chain,
                ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = (_, peer, sent, _) => other.Accepts((X509Certificate2)peer!, sent, client.Identity),
            },
            cancellation
        );
        var connecting = clientStream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "peer",
                ClientCertificateContext = own.Chain,
                RemoteCertificateValidationCallback = (_, peer, sent, _) => own.Accepts((X509Certificate2)peer!, sent, server.Identity),
            },
            cancellation
        );
        await Task.WhenAll(serving, connecting);
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await using var stream = Connect();
                await stream.SubscribeAsync(ResourceType.Secret, "identity", "trust-bundle");
                Streams++;
                var reading = stream.ReadAsync(_stop.Token);
                while (await reading is { } response)
                {
                    Take(response);
                    reading = stream.ReadAsync(_stop.Token);
                    // A stream that ends meanwhile is noticed.
                    while (Withheld() is { } released && await Task.WhenAny(released, reading) == released) { }

                    if (Withheld() is null)
                        await stream.AcknowledgeAsync(response);
                }
            }
            catch (Exception e) when (e is RpcException or InvalidOperationException or HttpRequestException or IOException)
            {
                LastError = e.Message;
            }

            await Task.Delay(ReconnectAfter, TimeProvider.System, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>What ends the wait while the present credentials are not to be acknowledged; null when they are.</summary>
    private Task? Withheld()
    {
        lock (_gate)
            return _acknowledged is null || Current is null || _acknowledged.Contains(Current.Origin) ? null : _released.Task;
    }

    private DeltaClient Connect()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(_roots);
        var handler = new SocketsHttpHandler { SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy } };
        return new DeltaClient(
            GrpcChannel.ForAddress(
                $"https://localhost:{_port()}",
                new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true }
            ),
            NodeId,
            _token
        );
    }

    private void Take(DeltaDiscoveryResponse response)
    {
        var (chain, roots) = (Current?.Chain, Current?.Roots);
        foreach (var resource in response.Resources)
        {
            var secret = Envoy.Extensions.TransportSockets.Tls.V3.Secret.Parser.ParseFrom(resource.Resource_.Value);
            if (secret.TlsCertificate is { } identity)
            {
                var sent = new X509Certificate2Collection();
                sent.ImportFromPem(identity.CertificateChain.InlineBytes.ToStringUtf8());
                using var pem = X509Certificate2.CreateFromPem(
                    identity.CertificateChain.InlineBytes.ToStringUtf8(),
                    identity.PrivateKey.InlineBytes.ToStringUtf8()
                );
                sent.RemoveAt(0);
                chain = SslStreamCertificateContext.Create(
                    X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null),
                    sent,
                    offline: true
                );
            }

            if (secret.ValidationContext is { } context)
                roots = context.TrustedCa.InlineBytes.ToStringUtf8();
        }

        if (chain is not null && roots is not null)
            Volatile.Write(ref _credentials, new Credentials(chain, roots));
    }

    /// <summary>A certificate with its key and those between it and the root, and the roots that are trusted.</summary>
    internal sealed record Credentials(SslStreamCertificateContext Chain, string Roots)
    {
        public X509Certificate2 Certificate => Chain.TargetCertificate;

        /// <summary>Whose they are, whichever replica sent them.</summary>
        public string Origin => Roots + Certificate.Issuer;

        /// <summary>Whether a peer's certificate chains to the roots and has an identity.</summary>
        public bool Accepts(X509Certificate2 peer, X509Chain? sent, string identity)
        {
            using var chain = new X509Chain();
            chain.ChainPolicy.ExtraStore.AddRange(sent!.ChainPolicy.ExtraStore);
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.ImportFromPem(Roots);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            return chain.Build(peer)
                && peer.Extensions.Where(e => e.Oid!.Value == "2.5.29.17")
                    .Any(e => e.Format(multiLine: false).Contains(identity, StringComparison.Ordinal));
        }
    }
}
