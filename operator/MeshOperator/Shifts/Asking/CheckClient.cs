using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using MeshOperator.Api.Policies;
using MeshOperator.Certificates;
using MeshOperator.Settings;

namespace MeshOperator.Shifts.Asking;

/// <summary>A request to be made for a check.</summary>
/// <param name="Url">Who is asked.</param>
/// <param name="Target">The URL with all that is added to it.</param>
/// <param name="Json">The body; null for a GET.</param>
internal sealed record AskRequest(CheckUrl Url, Uri Target, byte[]? Json);

/// <summary>What came of a request.</summary>
/// <param name="Status">The HTTP status; 0 when there was no answer.</param>
/// <param name="Body">The body, as far as it was asked for.</param>
/// <param name="Problem">Why there was no answer; null when there was one.</param>
internal sealed record AskReply(int Status, ReadOnlyMemory<byte> Body, string? Problem);

/// <summary>Makes one request to an address that a user of a namespace wrote: only to where it may go, over a connection of its own,
/// without redirects, proxies, cookies and credentials, in bounded time and size.</summary>
internal sealed class CheckClient(AskNetwork network, AskIdentity identity, CheckHosts hosts, TimeProvider time)
{
    /// <summary>The largest answer that is read.</summary>
    public const int LargestAnswer = 64 * 1024;

    /// <summary>How long all of it may take.</summary>
    public static readonly TimeSpan AnswersWithin = TimeSpan.FromSeconds(10);

    /// <summary>What a sidecar answers for its application when no access rule allows the caller.</summary>
    private static ReadOnlySpan<byte> Denied => "RBAC: access denied"u8;

    /// <summary>Makes a request.</summary>
    /// <param name="cluster">What is known of the cluster.</param>
    /// <param name="ns">The namespace of the split.</param>
    /// <param name="request">The request.</param>
    /// <param name="turn">Each time another of several endpoints.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<AskReply> AskAsync(AskedCluster cluster, string ns, AskRequest request, int turn, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(AnswersWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timeout.Token);
        try
        {
            var routing = AskRouting.Find(cluster, hosts, ns, request.Url, turn);
            if (routing.Unresolved is { } host)
                routing = await ResolveAsync(cluster, host, request.Url.Port, turn, either.Token);
            return routing.Route is { } route ? await SendAsync(route, request, either.Token) : NoAnswer(routing.Problem!);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return NoAnswer(FormattableString.Invariant($"no answer within {AnswersWithin.TotalSeconds:0} s"));
        }
        catch (Exception e)
            when (e is HttpRequestException or IOException or SocketException or AuthenticationException or CertificateAuthorityException)
        {
            return NoAnswer($"no answer: {Describe(e)}");
        }
    }

    /// <summary>What is looked up is what is connected to: a name that leads elsewhere a moment later changes nothing.</summary>
    private async Task<AskRouting> ResolveAsync(AskedCluster cluster, string host, int port, int turn, CancellationToken cancellation)
    {
        var addresses = await network.Resolve(host, cancellation);
        if (addresses.Length == 0)
            return new AskRouting(null, null, $"{host} has no address");
        var address = addresses[(int)((uint)turn % addresses.Length)];
        return cluster.FindRefusalOfHost(address) is { } refusal
            ? new AskRouting(null, null, $"{host} leads to where no check may ask: {refusal}; to allow it, list the address itself")
            : new AskRouting(new AskRoute(new IPEndPoint(address, port), null), null, null);
    }

    private async Task<AskReply> SendAsync(AskRoute route, AskRequest request, CancellationToken cancellation)
    {
        using var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            Credentials = null,
            ActivityHeadersPropagator = null,
            MaxResponseDrainSize = 0,
            ConnectTimeout = AnswersWithin,
            ConnectCallback = async (_, token) => await ConnectAsync(route, request.Url.Host, token),
        };
        using var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        using var message = new HttpRequestMessage(request.Json is null ? HttpMethod.Get : HttpMethod.Post, request.Target);
        message.Headers.UserAgent.ParseAdd("meshoperator");
        if (request.Json is { } json)
        {
            message.Content = new ByteArrayContent(json);
            message.Content.Headers.ContentType = new("application/json");
        }

        using var response = await client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation);
        var body = await ReadAsync(response.Content, cancellation);
        if (body is null)
            return NoAnswer(FormattableString.Invariant($"the answer is larger than {LargestAnswer / 1024} KiB"));
        return route.Identity is not null && response.StatusCode is HttpStatusCode.Forbidden && body.Value.Span.SequenceEqual(Denied)
            ? NoAnswer("its sidecar denies the operator; add an access rule that allows the operator's identity")
            : new AskReply((int)response.StatusCode, body.Value, null);
    }

    private async Task<Stream> ConnectAsync(AskRoute route, string host, CancellationToken cancellation)
    {
        var stream = await network.Connect(route.Address, cancellation);
        try
        {
            return route.Identity is { } expected ? await identity.AuthenticateAsync(stream, host, expected, cancellation) : stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>Null when it is too large.</summary>
    private static async Task<ReadOnlyMemory<byte>?> ReadAsync(HttpContent content, CancellationToken cancellation)
    {
        await using var stream = await content.ReadAsStreamAsync(cancellation);
        var buffer = new byte[LargestAnswer + 1];
        var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellation);
        return length > LargestAnswer ? default(ReadOnlyMemory<byte>?) : buffer.AsMemory(0, length);
    }

    private static AskReply NoAnswer(string problem) => new(0, default, problem);

    /// <summary>In words of the operator's own: what a server sends gets into no status.</summary>
    private static string Describe(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is SocketException or CertificateAuthorityException)
                return e.Message.TrimEnd('.');
            if (e is AuthenticationException)
                return "the TLS handshake failed, or the server is somebody else";
        }

        return exception is HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse }
            ? "what it sent is not HTTP"
            : "it closed the connection";
    }
}
