using Envoy.Extensions.Filters.Common.Fault.V3;
using Envoy.Extensions.Filters.Http.Fault.V3;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>Makes the fault filter's configuration of a route.</summary>
internal static class FaultBuilder
{
    /// <summary>Adds the faults, if any, to a route.</summary>
    public static void Apply(FaultInjection? fault, Envoy.Config.Route.V3.Route route)
    {
        if (Fault(fault) is { } filter)
            route.TypedPerFilterConfig.Add(Names.FaultFilter, EnvoyMessages.Pack(filter));
    }

    /// <summary>Null when nothing is to be injected.</summary>
    private static HTTPFault? Fault(FaultInjection? fault)
    {
        if (fault is null)
            return null;
        var result = new HTTPFault();
        if (fault is { Delay: { } delay, DelayPercent: > 0 } && delay > TimeSpan.Zero)
        {
            result.Delay = new FaultDelay
            {
                FixedDelay = EnvoyMessages.Duration(delay),
                Percentage = EnvoyMessages.Fraction(fault.DelayPercent / 100),
            };
        }

        if (fault is { AbortStatus: { } status, AbortPercent: > 0 })
        {
            result.Abort = new FaultAbort { HttpStatus = (uint)status, Percentage = EnvoyMessages.Fraction(fault.AbortPercent / 100) };
        }

        return result.Delay is null && result.Abort is null ? null : result;
    }
}
