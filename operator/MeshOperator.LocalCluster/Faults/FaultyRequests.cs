using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Protocol;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.LocalCluster.Faults;

/// <summary>Stands in front of the dispatch and lets those requests go wrong for which it was ordered.</summary>
internal sealed class FaultyRequests(FaultInjector injector, RequestDelegate next, TimeProvider time, CancellationToken stopping)
{
    public Task HandleAsync(HttpContext http) => injector.IsActive ? FaultyAsync(http) : next(http);

    private async Task FaultyAsync(HttpContext http)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, stopping);
        try
        {
            switch (injector.OnRequest(RequestAttributes.FromRequest(http.Request)))
            {
                case { Kind: FaultKind.Answer } fault:
                    await Answer.ErrorAsync(http, Error(fault));
                    return;
                case { Kind: FaultKind.Reset }:
                    http.Abort();
                    return;
                case { Kind: FaultKind.Silence }:
                    await Task.Delay(Timeout.InfiniteTimeSpan, time, end.Token);
                    return;
                case { Kind: FaultKind.Delay } fault:
                    await Task.Delay(fault.Time ?? TimeSpan.Zero, time, end.Token);
                    break;
            }
        }
        catch (OperationCanceledException)
        {
            http.Abort();
            return;
        }

        await next(http);
    }

    private static ApiException Error(Fault fault)
    {
        var (reason, message) = fault.Code switch
        {
            409 => (
                "Conflict",
                "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again"
            ),
            410 => ("Expired", "The provided continue parameter or resource version is too old to display a consistent list result."),
            429 => ("TooManyRequests", "too many requests, please try again later"),
            503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
            504 => ("Timeout", "the server was unable to return a response in the time allotted"),
            _ => ("InternalError", "Internal error occurred: a fault was ordered"),
        };
        return new ApiException(fault.Code, ApiError.Status(fault.Code, reason, message, []))
        {
            RetryAfter = fault.Time is { } time ? (int)Math.Ceiling(time.TotalSeconds) : null,
        };
    }
}
