using Envoy.Config.Common.MutationRules.V3;
using Envoy.Config.Core.V3;
using Envoy.Extensions.Filters.Http.HeaderMutation.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using MeshOperator.Xds.Translation.Shared;
using AppendAction = Envoy.Config.Core.V3.HeaderValueOption.Types.HeaderAppendAction;
using EnvoyHeader = Envoy.Config.Core.V3.HeaderValue;
using HeaderMutation = Envoy.Config.Common.MutationRules.V3.HeaderMutation;
using HeaderMutationFilter = Envoy.Extensions.Filters.Http.HeaderMutation.V3.HeaderMutation;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Gets load reports from servers that only report when a request asks for it, and then without the rate of requests that Envoy
/// needs. The filter stands between the router, which reads the reports, and the connection.</summary>
internal static class LoadReports
{
    /// <summary>The response header with a report.</summary>
    public const string Header = "endpoint-load-metrics";

    /// <summary>The request header that asks for a report.</summary>
    private const string Format = "endpoint-load-metrics-format";

    /// <summary>The same rate for all endpoints, so that weights are the inverse of the utilization; a large one, as Envoy's weights are
    /// whole numbers. And a utilization for where all others are 0: Envoy drops such a report, with an error in its log.</summary>
    private const string WithRate = $"%RESP({Header})%, rps_fractional=1000, cpu_utilization=0.1";

    /// <summary>Asks for reports, and adds the rate.</summary>
    public static HttpFilter Filter { get; } =
        new()
        {
            Name = "envoy.filters.http.header_mutation",
            TypedConfig = EnvoyMessages.Pack(
                new HeaderMutationFilter
                {
                    Mutations = new Mutations
                    {
                        RequestMutations = { Set(Format, "text", AppendAction.OverwriteIfExistsOrAdd) },
                        ResponseMutations = { Set(Header, WithRate, AppendAction.OverwriteIfExists) },
                    },
                }
            ),
        };

    private static HeaderMutation Set(string name, string value, AppendAction action) =>
        new()
        {
            Append = new HeaderValueOption
            {
                Header = new EnvoyHeader { Key = name, Value = value },
                AppendAction = action,
            },
        };
}
