using Envoy.Extensions.Filters.Http.Fault.V3;
using MeshOperator.Proxy.Exchanges;
using MeshOperator.Proxy.Matching;

namespace MeshOperator.Proxy.Filters;

/// <summary>Delays or aborts a share of requests.</summary>
internal sealed class FaultFilter(HTTPFault configuration, TimeProvider time) : IHttpFilter
{
    private readonly TimeSpan _delay = configuration.Delay?.FixedDelay?.ToTimeSpan() ?? TimeSpan.Zero;
    private readonly Share _delayed = configuration.Delay is { } delay ? Share.Create(delay.Percentage ?? new()) : Share.None;
    private readonly int _status = (int)(configuration.Abort?.HttpStatus ?? 0);
    private readonly Share _aborted = configuration.Abort is { } abort ? Share.Create(abort.Percentage ?? new()) : Share.None;

    /// <inheritdoc/>
    public async ValueTask<bool> PassAsync(Exchange exchange, IHttpFilter listener)
    {
        var settings = exchange.Settings;
        if (_delay > TimeSpan.Zero && _delayed.Has(Dice.Next(), settings.Runtime))
        {
            settings.Statistics.Count("http", settings.StatPrefix, "fault_delays_injected");
            await Task.Delay(_delay, time, exchange.Aborted);
        }

        if (_status == 0 || !_aborted.Has(Dice.Next(), settings.Runtime))
            return true;
        settings.Statistics.Count("http", settings.StatPrefix, "fault_aborts_injected");
        await exchange.ReplyAsync(_status, "fault filter abort");
        return false;
    }
}
