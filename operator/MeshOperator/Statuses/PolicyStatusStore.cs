using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Conditions;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Events;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.Status;
using MeshOperator.Rbac;

namespace MeshOperator.Statuses;

/// <summary>The policies of one kind, as far as their status goes.</summary>
internal interface IPolicyStatusStore
{
    /// <summary>The kind.</summary>
    string Kind { get; }

    /// <summary>Raised after a policy changed; must return at once.</summary>
    event Action? Changed;

    /// <summary>A policy's UID, generation and status as last seen; null when there is none.</summary>
    (string Uid, long Generation, PolicyStatus? Status)? Find(ObjectKey key);

    /// <summary>Writes a status, and events about what changed.</summary>
    Task WriteAsync(ObjectKey key, PolicyStatus status, IReadOnlyList<ConditionEvent> events, CancellationToken cancellation);
}

/// <inheritdoc/>
[PolicyRbac("patch", Subresource = "status")]
[GenericRbac("", "events", "create,patch")]
internal sealed class PolicyStatusStore<TPolicy, TSpec> : IPolicyStatusStore
    where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
    where TSpec : class, new()
{
    private readonly PolicyKind<TPolicy, TSpec> _kind;
    private readonly SharedInformer<TPolicy> _informer;
    private readonly StatusWriter<TPolicy> _writer;
    private readonly EventPublisher _events;
    private readonly ILogger _logger;

    public PolicyStatusStore(
        PolicyKind<TPolicy, TSpec> kind,
        SharedInformer<TPolicy> informer,
        StatusWriter<TPolicy> writer,
        EventPublisher events,
        ILogger<PolicyStatusStore<TPolicy, TSpec>> logger
    )
    {
        _kind = kind;
        _informer = informer;
        _writer = writer;
        _events = events;
        _logger = logger;
        informer.Changed += change =>
        {
            if (change.New is null)
                _writer.Forget(change.Key);
            Changed?.Invoke();
        };
    }

    public event Action? Changed;

    public string Kind => _kind.Name;

    public (string Uid, long Generation, PolicyStatus? Status)? Find(ObjectKey key)
    {
        if (!_informer.Objects.TryGetValue(key, out var cached))
            return null;
        var policy = _writer.Latest(cached);
        return (policy.Metadata.Uid, policy.Metadata.Generation ?? 1, policy.CommonStatus);
    }

    public async Task WriteAsync(ObjectKey key, PolicyStatus status, IReadOnlyList<ConditionEvent> events, CancellationToken cancellation)
    {
        if (!_informer.Objects.TryGetValue(key, out var policy))
            return;
        // What was not written since the policy has changed meanwhile comes again with the change.
        if (await _writer.WriteAsync(policy, policy.Complete(status), MeshNames.FieldManager, cancellation) is not { } written)
            return;
        foreach (var one in events)
        {
            try
            {
                await _events.PublishAsync(written, one.IsWarning, one.Reason, one.Message, cancellation);
            }
            catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
            {
                // The condition says the same; an event is not worth writing the status again.
                Log.EventFailed(_logger, e, one.Reason, $"{Kind} {key}");
            }
        }
    }
}
