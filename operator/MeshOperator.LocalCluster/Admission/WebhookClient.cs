using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Admission;

/// <summary>A webhook that could not be asked.</summary>
internal sealed class WebhookException(string message) : Exception(message);

/// <summary>Calls webhooks over HTTPS and trusts only the CA that their configuration names.</summary>
internal sealed class WebhookClient(ObjectStore store, KindRegistry kinds, Func<string, string, Uri?>? serviceAddress, TimeProvider time)
    : IDisposable
{
    private const int MaxClients = 64;
    private const int MaxAnswer = 8 * 1024 * 1024;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, HttpClient> _clients = new(StringComparer.Ordinal);
    private readonly ResourceKind _services = kinds.Builtin("", "services");
    private readonly ResourceKind _slices = kinds.Builtin("discovery.k8s.io", "endpointslices");

    /// <exception cref="WebhookException">It could not be reached, or answered nonsense.</exception>
    public async Task<JsonObject> CallAsync(Webhook webhook, JsonObject review, CancellationToken cancellation)
    {
        var (uri, address) = Target(webhook);
        var shown = new UriBuilder(uri) { Query = $"timeout={(int)webhook.Timeout.TotalSeconds}s" }.Uri;
        using var limit = new CancellationTokenSource(webhook.Timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, shown) { Content = new ByteArrayContent(JsonText.Encode(review)) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var response = await Client(webhook, uri, address).SendAsync(request, both.Token);
            var body = await response.Content.ReadAsByteArrayAsync(both.Token);
            if (!response.IsSuccessStatusCode)
            {
                var said = Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(body.Length, 256)));
                throw new WebhookException(
                    $"failed to call webhook: the server responded with status {(int)response.StatusCode} {said}".TrimEnd()
                );
            }

            return JsonText.DecodeObject(body);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new WebhookException($"failed to call webhook: Post \"{shown}\": context deadline exceeded");
        }
        catch (HttpRequestException e)
        {
            throw new WebhookException($"failed to call webhook: Post \"{shown}\": {Reason(e, address)}");
        }
        catch (JsonException e)
        {
            throw new WebhookException($"failed to call webhook: could not read the answer of {shown}: {e.Message}");
        }
    }

    public void Dispose()
    {
        foreach (var client in _clients.Values)
            client.Dispose();
    }

    private static string Reason(HttpRequestException e, DnsEndPoint address) =>
        e switch
        {
            { InnerException: SocketException { SocketErrorCode: SocketError.ConnectionRefused } } =>
                $"dial tcp {address.Host}:{address.Port}: connect: connection refused",
            { InnerException: System.Security.Authentication.AuthenticationException } =>
                "tls: failed to verify certificate: x509: certificate is not valid for this name or signed by unknown authority",
            _ => e.InnerException?.Message ?? e.Message,
        };

    /// <summary>The address in the request, whose host the certificate must be for, and where to connect.</summary>
    private (Uri Uri, DnsEndPoint Address) Target(Webhook webhook)
    {
        if (webhook.Client.Text("url") is { Length: > 0 } url)
        {
            var uri = new Uri(url);
            return (uri, new DnsEndPoint(uri.Host, uri.Port));
        }

        var service = webhook.Client.Object("service") ?? throw new WebhookException("clientConfig has neither url nor service");
        var @namespace = service.Text("namespace") ?? "";
        var name = service.Text("name") ?? "";
        var port = (int)(service.Integer("port") ?? 443);
        var named = new UriBuilder("https", $"{name}.{@namespace}.svc", port, service.Text("path") ?? "").Uri;
        if (serviceAddress?.Invoke(@namespace, name) is { } given)
            return (named, new DnsEndPoint(given.Host, given.Port));
        return (named, Endpoint(@namespace, name, port));
    }

    private DnsEndPoint Endpoint(string @namespace, string name, int port)
    {
        var service =
            store.Find(_services, @namespace, name)?.Parse()
            ?? throw new WebhookException($"failed to call webhook: service \"{name}\" not found");
        var servicePort =
            service["spec"].Objects("ports").FirstOrDefault(p => p.Integer("port") == port)
            ?? throw new WebhookException($"failed to call webhook: no service port {port} found for service \"{name}\"");
        foreach (
            var slice in store
                .List(_slices, @namespace)
                .Where(s => s.Labels.GetValueOrDefault("kubernetes.io/service-name") == name)
                .Select(s => s.Parse())
        )
        {
            if (
                slice.Objects("ports").FirstOrDefault(p => (p.Text("name") ?? "") == (servicePort.Text("name") ?? "")).Integer("port")
                is not { } target
            )
                continue;
            foreach (var endpoint in slice.Objects("endpoints").Where(e => e["conditions"].Flag("ready") != false))
            foreach (var address in endpoint.Texts("addresses"))
                if (IPAddress.TryParse(address, out var ip) && IPAddress.IsLoopback(ip))
                    return new DnsEndPoint(address, (int)target);
        }

        throw new WebhookException($"failed to call webhook: no endpoints available for service \"{name}\"");
    }

    private HttpClient Client(Webhook webhook, Uri uri, DnsEndPoint address)
    {
        var bundle = webhook.Client.Text("caBundle") ?? "";
        var key = $"{uri.Host}|{address.Host}|{address.Port}|{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(bundle)))}";
        lock (_lock)
        {
            if (_clients.TryGetValue(key, out var known))
                return known;
            if (_clients.Count >= MaxClients)
                _clients.Clear();
            return _clients[key] = Create(bundle, address);
        }
    }

    private static HttpClient Create(string bundle, DnsEndPoint address)
    {
        var authorities = Authorities(bundle);
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    await socket.ConnectAsync(address, cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        if (authorities.Count > 0)
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                Trusted(certificate, chain, errors, authorities);
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = MaxAnswer };
    }

    private static X509Certificate2Collection Authorities(string bundle)
    {
        var authorities = new X509Certificate2Collection();
        if (bundle.Length == 0)
            return authorities;
        try
        {
            authorities.ImportFromPem(Encoding.UTF8.GetString(Convert.FromBase64String(bundle)));
        }
        catch (Exception e) when (e is FormatException or CryptographicException)
        {
            throw new WebhookException($"failed to call webhook: unable to load root certificates: {e.Message}");
        }

        return authorities.Count > 0
            ? authorities
            : throw new WebhookException("failed to call webhook: unable to load root certificates: unable to parse bytes as PEM block");
    }

    private static bool Trusted(
        X509Certificate? certificate,
        X509Chain? sent,
        SslPolicyErrors errors,
        X509Certificate2Collection authorities
    )
    {
        if (
            certificate is not X509Certificate2 leaf
            || (errors & (SslPolicyErrors.RemoteCertificateNameMismatch | SslPolicyErrors.RemoteCertificateNotAvailable)) != 0
        )
            return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        if (sent is not null)
            foreach (var element in sent.ChainElements)
                chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        return chain.Build(leaf);
    }
}
