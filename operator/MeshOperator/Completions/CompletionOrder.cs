using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Certificates;
using MeshOperator.Settings;
using MeshOperator.Shifts.Asking;

namespace MeshOperator.Completions;

/// <summary>Orders a proxy to end: one request over mutual TLS, in which both show their identities.</summary>
internal sealed class CompletionOrder(AskNetwork network, AskIdentity identity, OperatorOptions options, TimeProvider time)
{
    private static readonly TimeSpan AnswersWithin = TimeSpan.FromSeconds(3);

    /// <summary>Gives the order.</summary>
    /// <returns>Why the proxy does not end; null when it does.</returns>
    public async Task<string?> GiveAsync(V1Pod pod, CancellationToken cancellation)
    {
        if (pod.Status?.PodIPs is not [{ Ip: { } text }, ..] || !IPAddress.TryParse(text, out var address))
            return "the pod has no address";
        var account = string.IsNullOrEmpty(pod.Spec.ServiceAccountName) ? "default" : pod.Spec.ServiceAccountName;
        var expected = OperatorOptions.IdentityFor(options.TrustDomain, pod.Metadata.NamespaceProperty, account);
        using var timeout = new CancellationTokenSource(AnswersWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timeout.Token);
        try
        {
            return await SendAsync(new IPEndPoint(address, ProxyPort.Completion), expected, either.Token);
        }
        catch (HttpRequestException e) when (e.HttpRequestError is HttpRequestError.ResponseEnded)
        {
            // A proxy that ends at once has no time to answer.
            return null;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return FormattableString.Invariant($"no answer within {AnswersWithin.TotalSeconds:0} s");
        }
        catch (Exception e)
            when (e is HttpRequestException or IOException or SocketException or AuthenticationException or CertificateAuthorityException)
        {
            return $"no answer: {e.GetBaseException().Message}";
        }
    }

    private async Task<string?> SendAsync(IPEndPoint address, string expected, CancellationToken cancellation)
    {
        using var handler = new SocketsHttpHandler
        {
            ActivityHeadersPropagator = null,
            AllowAutoRedirect = false,
            ConnectCallback = async (_, token) => await ConnectAsync(address, expected, token),
            UseCookies = false,
            UseProxy = false,
        };
        using var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        // The connection is encrypted before the client has it.
        var url = new UriBuilder("http", address.Address.ToString(), address.Port, MeshNames.CompletionPath).Uri;
        using var answer = await client.PostAsync(url, content: null, cancellation);
        return answer.IsSuccessStatusCode ? null : FormattableString.Invariant($"it answered {(int)answer.StatusCode}");
    }

    private async Task<Stream> ConnectAsync(IPEndPoint address, string expected, CancellationToken cancellation)
    {
        var stream = await network.Connect(address, cancellation);
        try
        {
            return await identity.AuthenticateAsync(stream, address.Address.ToString(), expected, cancellation);
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }
}
