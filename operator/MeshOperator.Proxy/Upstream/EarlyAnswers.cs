using System.Net;

namespace MeshOperator.Proxy.Upstream;

/// <summary>Ends the body of an HTTP/2 request that its server answered before it read all of it. .NET stops sending such a body and leaves
/// the stream open on the client's side. Servers count it as one of the connection's streams for some seconds, and refuse new requests when
/// there are too many.</summary>
internal sealed class EarlyAnswers(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <inheritdoc/>
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Content is { } content)
            request.Content = new Body(content, cancellationToken);
        return base.SendAsync(request, cancellationToken);
    }

    /// <summary>A body whose end is sent when the server wants no more of it.</summary>
    private sealed class Body : HttpContent
    {
        private readonly HttpContent _content;
        private readonly CancellationToken _request;

        public Body(HttpContent content, CancellationToken request)
        {
            (_content, _request) = (content, request);
            foreach (var (name, values) in content.Headers.NonValidated)
                Headers.TryAddWithoutValidation(name, values);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        /// <param name="stream">The stream of the request.</param>
        /// <param name="context">Of the transport.</param>
        /// <param name="cancellationToken">Of HTTP/2 also ends when the server answered or reset the stream. After a reset nothing is
        /// sent.</param>
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            try
            {
                await _content.CopyToAsync(stream, context, cancellationToken);
            }
            catch (Exception exception)
                when (exception is OperationCanceledException or HttpRequestException or IOException
                    && cancellationToken.IsCancellationRequested
                    && !_request.IsCancellationRequested
                )
            {
                // The server wants no more.
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _content.Headers.ContentLength ?? -1;
            return length >= 0;
        }
    }
}
