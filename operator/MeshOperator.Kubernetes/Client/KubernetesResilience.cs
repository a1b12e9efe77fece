using System.Net;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace MeshOperator.Kubernetes.Client;

/// <summary>Sends requests with a bound on time, repeats what is safe to repeat, and lets the API server alone for a while when it does
/// not answer.</summary>
/// <remarks>A GET is repeated after errors of the server (429, 500, 502, 503, 504) and of the connection. Anything else may have been
/// carried out when it fails, so it is repeated only when it certainly was not: after 429 with <c>Retry-After</c>, which is sent
/// before a request is looked at, and when no connection could be made. The circuit counts what says that the server is not there or
/// overwhelmed: no connection, no answer in time, 502, 503, 504. An answer of 500 does not count, since that is often one kind's
/// admission webhook.</remarks>
internal sealed class KubernetesResilience
{
    private readonly KubernetesTransportOptions _options;
    private readonly CircuitBreakerStateProvider _circuit = new();
    private readonly ResiliencePipeline _reads;
    private readonly ResiliencePipeline _writes;

    public KubernetesResilience(KubernetesTransportOptions options, TimeProvider time, Func<double> random)
    {
        _options = options;
        var attempt = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddCircuitBreaker(
                new CircuitBreakerStrategyOptions
                {
                    ShouldHandle = a => ValueTask.FromResult(CountsAgainstServer(a.Outcome.Exception)),
                    FailureRatio = options.BreakerFailureRatio,
                    MinimumThroughput = options.BreakerMinimumRequests,
                    SamplingDuration = options.BreakerWindow,
                    BreakDuration = options.BreakDuration,
                    StateProvider = _circuit,
                }
            )
            .AddTimeout(options.AttemptTimeout)
            .Build();
        _reads = Retrying(IsTransient);
        _writes = Retrying(WasNotCarriedOut);

        ResiliencePipeline Retrying(Func<Exception?, bool> repeat) =>
            new ResiliencePipelineBuilder { TimeProvider = time }
                .AddRetry(
                    new RetryStrategyOptions
                    {
                        ShouldHandle = a =>
                            ValueTask.FromResult(
                                repeat(a.Outcome.Exception) && !(RetryAfter(a.Outcome.Exception) > _options.LongestRetryDelay)
                            ),
                        MaxRetryAttempts = options.MaxRetries,
                        Delay = options.RetryDelay,
                        MaxDelay = options.LongestRetryDelay,
                        BackoffType = DelayBackoffType.Exponential,
                        UseJitter = true,
                        Randomizer = random,
                        DelayGenerator = a => ValueTask.FromResult(RetryAfter(a.Outcome.Exception)),
                    }
                )
                .AddPipeline(attempt)
                .Build();
    }

    /// <summary>0 closed, 1 half open, 2 open.</summary>
    public int CircuitState =>
        _circuit.CircuitState switch
        {
            Polly.CircuitBreaker.CircuitState.Closed => 0,
            Polly.CircuitBreaker.CircuitState.HalfOpen => 1,
            _ => 2,
        };

    public async Task<T> SendAsync<T>(
        HttpMethod method,
        string what,
        Func<CancellationToken, Task<T>> attempt,
        CancellationToken cancellation
    )
    {
        try
        {
            return await (method == HttpMethod.Get ? _reads : _writes).ExecuteAsync(async token => await attempt(token), cancellation);
        }
        catch (TimeoutRejectedException)
        {
            throw new TimeoutException($"{method} {what} was not answered within {_options.AttemptTimeout.TotalSeconds:0} s.");
        }
        catch (BrokenCircuitException e)
        {
            throw new KubernetesApiException(
                HttpStatusCode.ServiceUnavailable,
                KubernetesApiException.CircuitOpen,
                $"{method} {what} was not sent: the API server failed too often, so no requests are sent to it for "
                    + $"{_options.BreakDuration.TotalSeconds:0} s.",
                e.RetryAfter ?? _options.BreakDuration
            );
        }
    }

    private static TimeSpan? RetryAfter(Exception? error) =>
        (error as KubernetesApiException)?.RetryAfter is { } asked && asked > TimeSpan.Zero ? asked : null;

    private static bool IsTransient(Exception? error) =>
        error switch
        {
            KubernetesApiException e => (int)e.StatusCode is 429 or 500 or 502 or 503 or 504,
            HttpRequestException or IOException or TimeoutRejectedException => true,
            _ => false,
        };

    private static bool WasNotCarriedOut(Exception? error) =>
        error switch
        {
            KubernetesApiException { StatusCode: HttpStatusCode.TooManyRequests, RetryAfter: not null } => true,
            HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError } => true,
            _ => false,
        };

    private static bool CountsAgainstServer(Exception? error) =>
        error switch
        {
            KubernetesApiException e => (int)e.StatusCode is 502 or 503 or 504,
            HttpRequestException or IOException or TimeoutRejectedException => true,
            _ => false,
        };
}
