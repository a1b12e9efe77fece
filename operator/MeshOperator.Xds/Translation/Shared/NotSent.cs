using Envoy.Config.Core.V3;
using Envoy.Config.Route.V3;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>How a server's proxy signals to the caller's that its application could not be reached, so that the request was not begun. To
/// the caller's proxy the connection did not fail, as it ends at the server's.</summary>
internal static class NotSent
{
    /// <summary>A response header between proxies of the mesh. No application sees it or can say it: callers' proxies take it out, and
    /// servers' do so of what the application answers. Passed on by an application it would have a request repeated that was
    /// begun.</summary>
    public const string Header = "x-meshoperator-not-sent";

    /// <summary>The condition of a retry policy, and the header by which it holds.</summary>
    public const string RetryOn = "retriable-headers";

    /// <summary>Matches the answers with the <see cref="Mark"/>.</summary>
    public static HeaderMatcher Matcher { get; } = new() { Name = Header, PresentMatch = true };

    /// <summary>Says it.</summary>
    public static HeaderValueOption Mark { get; } = LocalReplies.Header(Header, "true");
}
