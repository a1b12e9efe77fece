using Envoy.Config.Accesslog.V3;
using Envoy.Config.Core.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>What becomes of the answers that a proxy gives by itself.</summary>
internal static class LocalReplies
{
    private const uint Unavailable = 503;

    /// <summary>Envoy's answer where a request is to be tried again and its body has outgrown what is kept of it. To a client that is the
    /// failure that the request was to be tried again for.</summary>
    private const uint InsufficientStorage = 507;

    private const string RetryAfterSeconds = "1";

    /// <summary>Of a caller's proxy.</summary>
    public static LocalReplyConfig ToApplication { get; } = new() { Mappers = { Outgrown() } };

    /// <summary>Of a server's proxy to a client outside of the mesh.</summary>
    public static LocalReplyConfig ToClient { get; } = new() { Mappers = { Outgrown(), Full() } };

    /// <summary>Of a server's proxy to a caller's: what the application did not get says so. What has outgrown the bound is of a method
    /// that may be repeated, as nothing else is tried again here.</summary>
    public static LocalReplyConfig ToProxy { get; } =
        new() { Mappers = { Outgrown(NotSent.Mark), Full(NotSent.FullMark), With(Flag("UF"), NotSent.Mark) } };

    private static ResponseMapper Outgrown(params ReadOnlySpan<HeaderValueOption> headers)
    {
        var mapper = With(
            new AccessLogFilter
            {
                StatusCodeFilter = new StatusCodeFilter
                {
                    Comparison = new ComparisonFilter
                    {
                        Op = ComparisonFilter.Types.Op.Eq,
                        Value = new RuntimeUInt32 { DefaultValue = InsufficientStorage, RuntimeKey = "meshoperator.local_reply.outgrown" },
                    },
                },
            },
            headers
        );
        mapper.StatusCode = Unavailable;
        return mapper;
    }

    /// <summary>As many requests wait for the application as may.</summary>
    private static ResponseMapper Full(params ReadOnlySpan<HeaderValueOption> headers) =>
        With(Flag("UO"), [.. headers, EnvoyMessages.Header("retry-after", RetryAfterSeconds)]);

    private static AccessLogFilter Flag(string flag) => new() { ResponseFlagFilter = new ResponseFlagFilter { Flags = { flag } } };

    private static ResponseMapper With(AccessLogFilter filter, params ReadOnlySpan<HeaderValueOption> headers) =>
        new() { Filter = filter, HeadersToAdd = { headers.ToArray() } };
}
