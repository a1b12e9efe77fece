using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace MeshOperator.Proxy.Forwarding;

/// <summary>How often a request is attempted, and how long an attempt may take to its response. The pipelines are the same for all
/// requests; what their routes say is in their state.</summary>
internal sealed class AttemptPolicies
{
    private static readonly ResiliencePropertyKey<ForwardingState> Request = new("request");

    private readonly ResiliencePipeline<AttemptOutcome> _retries;
    private readonly ResiliencePipeline<AttemptOutcome> _limit;

    /// <summary>Makes them.</summary>
    public AttemptPolicies(TimeProvider time)
    {
        _retries = new ResiliencePipelineBuilder<AttemptOutcome> { TimeProvider = time }
            .AddRetry(
                new RetryStrategyOptions<AttemptOutcome>
                {
                    MaxRetryAttempts = int.MaxValue,
                    ShouldHandle = retry => ValueTask.FromResult(Find(retry.Context).IsRetried(retry.Outcome.Result)),
                    DelayGenerator = retry =>
                        ValueTask.FromResult<TimeSpan?>(Find(retry.Context).Pause(retry.Outcome.Result, time.GetUtcNow())),
                }
            )
            .Build();
        _limit = new ResiliencePipelineBuilder<AttemptOutcome> { TimeProvider = time }
            .AddTimeout(
                new TimeoutStrategyOptions
                {
                    TimeoutGenerator = limit =>
                        ValueTask.FromResult(Find(limit.Context).Route.Retry?.PerTryTimeout ?? Timeout.InfiniteTimeSpan),
                }
            )
            .Build();
    }

    /// <summary>Makes attempts until one is not retried.</summary>
    public ValueTask<AttemptOutcome> RetryAsync(ForwardingState state, Func<CancellationToken, ValueTask<AttemptOutcome>> attempt) =>
        RunAsync(_retries, state, attempt);

    /// <summary>Makes an attempt.</summary>
    /// <exception cref="TimeoutRejectedException">There was no response in time.</exception>
    public ValueTask<AttemptOutcome> LimitAsync(ForwardingState state, Func<CancellationToken, ValueTask<AttemptOutcome>> attempt) =>
        RunAsync(_limit, state, attempt);

    private static async ValueTask<AttemptOutcome> RunAsync(
        ResiliencePipeline<AttemptOutcome> pipeline,
        ForwardingState state,
        Func<CancellationToken, ValueTask<AttemptOutcome>> attempt
    )
    {
        var context = ResilienceContextPool.Shared.Get(state.Total);
        context.Properties.Set(Request, state);
        try
        {
            return await pipeline.ExecuteAsync(static (context, attempt) => attempt(context.CancellationToken), context, attempt);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private static ForwardingState Find(ResilienceContext context) => context.Properties.GetValue(Request, null!);
}
