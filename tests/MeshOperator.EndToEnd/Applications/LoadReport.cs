using System.Collections.Concurrent;
using System.Globalization;

namespace MeshOperator.EndToEnd.Applications;

/// <summary>The load reports (ORCA) of an application, which can do so many requests a second. The header <c>x-load-report</c> orders them:
/// <c>rate</c> has utilization and rate, <c>none</c> is only measured, <c>vllm</c> and <c>triton</c> have what those servers report, and
/// only if they are asked. The pod that <c>x-small-at</c> names can do a third of the others.</summary>
internal sealed class LoadReport(Identity identity, TimeProvider time)
{
    private const double Capacity = 300;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);
    private readonly ConcurrentQueue<DateTimeOffset> _arrivals = new();
    private volatile Measured _latest = new(0, 0);

    /// <summary>What it reports out of band.</summary>
    public (double Rate, double Utilization) Latest => (_latest.Rate, _latest.Utilization);

    /// <summary>Counts a request, and adds the report that it orders.</summary>
    public void Add(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (headers["x-load-report"].ToString() is not { Length: > 0 } kind)
            return;
        var rate = Count() / Window.TotalSeconds;
        var utilization = Math.Min(1, rate / (headers["x-small-at"] == identity.Pod ? Capacity / 3 : Capacity));
        _latest = new Measured(rate, utilization);
        var isAsked = headers["endpoint-load-metrics-format"] == "text";
        var report = kind switch
        {
            "rate" => Text("application_utilization", utilization) + ", " + Text("rps_fractional", rate),
            "vllm" when isAsked => Text("named_metrics.kv_cache_usage_perc", utilization) + ", named_metrics.num_requests_waiting=0.0",
            "triton" when isAsked => Text("named_metrics.kv_cache_utilization", utilization) + ",named_metrics.max_token_capacity=20000",
            _ => null,
        };
        if (report is not null)
            context.Response.Headers["endpoint-load-metrics"] = $"TEXT {report}";
    }

    private sealed record Measured(double Rate, double Utilization);

    private int Count()
    {
        var now = time.GetUtcNow();
        _arrivals.Enqueue(now);
        while (_arrivals.TryPeek(out var first) && first < now - Window)
            _arrivals.TryDequeue(out _);
        return _arrivals.Count;
    }

    private static string Text(string name, double value) => string.Create(CultureInfo.InvariantCulture, $"{name}={value:0.0###}");
}
