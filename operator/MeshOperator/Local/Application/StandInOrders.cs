using System.Globalization;
using MeshOperator.Api;

namespace MeshOperator.Local.Application;

/// <summary>What one request asks of the stand-in that it arrives at, by its headers. An order that cannot be read is ignored.</summary>
internal sealed record StandInOrders
{
    /// <summary>The status of the answer, for example <c>503</c>, if it is one with a body; of a gRPC call its
    /// <c>grpc-status</c>.</summary>
    public const string StatusHeader = "x-standin-status";

    /// <summary>How long the answer takes, for example <c>2s</c>.</summary>
    public const string DelayHeader = "x-standin-delay";

    /// <summary>The only pod that follows the other orders. The others answer as without orders.</summary>
    public const string PodHeader = "x-standin-pod";

    /// <summary>With <c>true</c>, the answer lists the headers of the request as they arrived.</summary>
    public const string ShowHeadersHeader = "x-standin-show-headers";

    /// <summary>The status of the answer; null for the usual one.</summary>
    public int? Status { get; private init; }

    /// <summary>How long the answer takes; null for the usual time.</summary>
    public TimeSpan? Delay { get; private init; }

    /// <summary>Whether the answer lists the headers of the request.</summary>
    public bool ShowsHeaders { get; private init; }

    /// <summary>Reads what a request asks of a pod.</summary>
    public static StandInOrders Read(IHeaderDictionary headers, string pod)
    {
        var showsHeaders = headers[ShowHeadersHeader] == "true";
        if (headers.TryGetValue(PodHeader, out var only) && only != pod)
            return new StandInOrders { ShowsHeaders = showsHeaders };
        return new StandInOrders
        {
            Status = int.TryParse(headers[StatusHeader], NumberStyles.None, CultureInfo.InvariantCulture, out var status) ? status : null,
            Delay = MeshDuration.TryParse(headers[DelayHeader].ToString(), out var delay) ? delay : null,
            ShowsHeaders = showsHeaders,
        };
    }
}
