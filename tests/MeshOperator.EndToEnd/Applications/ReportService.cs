using Grpc.Core;

namespace MeshOperator.EndToEnd.Applications;

/// <summary>Reports the application's load to whoever asks, as often as it is asked for.</summary>
internal sealed class ReportService(LoadReport load) : OpenRcaService.OpenRcaServiceBase
{
    public override async Task StreamCoreMetrics(
        OrcaLoadReportRequest request,
        IServerStreamWriter<OrcaLoadReport> responseStream,
        ServerCallContext context
    )
    {
        using var timer = new PeriodicTimer(request.ReportInterval.ToTimeSpan());
        while (await timer.WaitForNextTickAsync(context.CancellationToken))
        {
            var (rate, utilization) = load.Latest;
            await responseStream.WriteAsync(
                new OrcaLoadReport { RpsFractional = rate, ApplicationUtilization = utilization },
                context.CancellationToken
            );
        }
    }
}
