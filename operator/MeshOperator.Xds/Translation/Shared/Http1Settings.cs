using Envoy.Config.Core.V3;
using Envoy.Extensions.Http.HeaderFormatters.PreserveCase.V3;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>HTTP/1 as applications speak it to each other without proxies: trailers, methods of their own, names of headers and the text
/// after the status as they were written, and messages that have both a length and chunks.</summary>
internal static class Http1Settings
{
    private static readonly Http1ProtocolOptions.Types.HeaderKeyFormat AsWritten = new()
    {
        StatefulFormatter = new TypedExtensionConfig
        {
            Name = "envoy.http.stateful_header_formatters.preserve_case",
            TypedConfig = EnvoyMessages.Pack(new PreserveCaseFormatterConfig { ForwardReasonPhrase = true }),
        },
    };

    /// <summary>Of connections from clients.</summary>
    /// <param name="defaultHost">The host of requests of HTTP/1.0 that name none.</param>
    /// <param name="headerCase">How names of headers are written.</param>
    public static Http1ProtocolOptions FromClient(string defaultHost, HeaderCase headerCase)
    {
        var options = Create(headerCase);
        options.AcceptHttp10 = true;
        options.DefaultHostForHttp10 = defaultHost;
        options.AllowCustomMethods = true;
        return options;
    }

    /// <summary>Of connections to servers.</summary>
    /// <param name="headerCase">How names of headers are written.</param>
    public static Http1ProtocolOptions ToServer(HeaderCase headerCase)
    {
        var options = Create(headerCase);

        // Of servers only: a request with both may mean another one to a server than to its proxy, and is refused.
        options.AllowChunkedLength = true;
        return options;
    }

    private static Http1ProtocolOptions Create(HeaderCase headerCase) =>
        new() { EnableTrailers = true, HeaderKeyFormat = headerCase is HeaderCase.Preserve ? AsWritten : null };
}
