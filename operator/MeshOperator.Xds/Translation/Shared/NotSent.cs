using Envoy.Config.Core.V3;
using Envoy.Config.Route.V3;
using Envoy.Type.Matcher.V3;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>How a server's proxy signals to the caller's that its application did not get the request, so that it was not begun. To
/// the caller's proxy the connection did not fail, as it ends at the server's.</summary>
internal static class NotSent
{
    /// <summary>A response header between proxies of the mesh. No application sees it or can say it: callers' proxies take it out, and
    /// servers' do so of what the application answers. Passed on by an application it would have a request repeated that was
    /// begun.</summary>
    public const string Header = "x-meshoperator-not-sent";

    /// <summary>The condition of a retry policy, and the header by which it holds.</summary>
    public const string RetryOn = "retriable-headers";

    private const string Unreached = "true";
    private const string Full = "full";

    /// <summary>Matches the answers with one of the marks.</summary>
    public static HeaderMatcher Matcher { get; } = new() { Name = Header, PresentMatch = true };

    /// <summary>Matches the answers with the <see cref="Mark"/> only: of applications that could not be reached.</summary>
    public static HeaderMatcher UnreachedMatcher { get; } =
        new()
        {
            Name = Header,
            StringMatch = new StringMatcher { Exact = Unreached },
        };

    /// <summary>Says that the application could not be reached.</summary>
    public static HeaderValueOption Mark { get; } = EnvoyMessages.Header(Header, Unreached);

    /// <summary>Says that the application has as many requests as it may have. It is well, so this is no reason to eject it.</summary>
    public static HeaderValueOption FullMark { get; } = EnvoyMessages.Header(Header, Full);
}
