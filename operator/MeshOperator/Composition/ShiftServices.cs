using MeshOperator.Settings;
using MeshOperator.Shifts;
using MeshOperator.Shifts.Announcing;
using MeshOperator.Shifts.Asking;

namespace MeshOperator.Composition;

/// <summary>Gradual shifts: who leads them, what they measure and ask, and where they are announced.</summary>
internal static class ShiftServices
{
    /// <summary>Adds what leads gradual shifts.</summary>
    public static void AddShifts(this IServiceCollection services, OperatorOptions options)
    {
        services.AddSingleton<LatencyReader>();
        services.AddHostedService(p => p.GetRequiredService<LatencyReader>());
        services.AddSingleton<ShiftMeasurements>();
        services.AddSingleton<ShiftStatusStore>();
        services.AddSingleton<ShiftMetrics>();
        services.AddSingleton<ShiftLimit>();
        services.AddSingleton<ShiftAborts>();
        services.AddSingleton(AskNetwork.Real);
        services.AddSingleton(p => new AskPlace(p.GetRequiredService<k8s.Kubernetes>().BaseUri, options.LoopbackOnly));
        services.AddSingleton<AskIdentity>();
        services.AddSingleton(options.ShiftCheckHosts);
        services.AddSingleton<CheckClient>();
        services.AddSingleton<CheckMetrics>();
        services.AddSingleton<OutsideChecks>();
        services.AddSingleton<AnnouncementMetrics>();
        services.AddSingleton<ShiftAnnouncer>();
        services.AddHostedService(p => p.GetRequiredService<ShiftAnnouncer>());
        services.AddHostedService<ShiftService>();
    }
}
