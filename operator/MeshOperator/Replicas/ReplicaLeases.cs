using System.Net;
using System.Security.Cryptography;
using System.Text;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Settings;

namespace MeshOperator.Replicas;

/// <summary>Something that a replica writes into its Lease for the others.</summary>
internal interface IReplicaNotice
{
    /// <summary>The annotation.</summary>
    string Annotation { get; }

    /// <summary>Its value now.</summary>
    string Value { get; }
}

/// <summary>Says to the others that this replica is there, and where they reach it: a Lease of each replica. The leader removes those of
/// replicas that are long gone.</summary>
[GenericRbac("coordination.k8s.io", "leases", "create,list,watch,update,delete", OwnNamespace = true)]
internal sealed class ReplicaLeases(
    EntityClient<V1Lease> leases,
    SharedInformer<V1Lease> informer,
    ReplicaAges ages,
    ReplicaAddress address,
    IEnumerable<IReplicaNotice> notices,
    ILeadership leadership,
    OperatorOptions options,
    TimeProvider time,
    ILogger<ReplicaLeases> logger
) : BackgroundService
{
    /// <summary>Where a replica answers others: <c>10.0.0.5:15013</c>.</summary>
    public const string AddressAnnotation = "meshoperator.io/replica-address";

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(10);
    private readonly IReadOnlyList<IReplicaNotice> _notices = [.. notices];
    private V1Lease? _lease;

    /// <summary>Where the replica of a report answers; null when the report does not say.</summary>
    public static IPEndPoint? FindAddress(V1Lease lease) =>
        lease.Metadata.Annotations is { } annotations
        && annotations.TryGetValue(AddressAnnotation, out var text)
        && IPEndPoint.TryParse(text, out var address)
            ? address
            : null;

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_lease is null)
            return;
        try
        {
            await leases.DeleteAsync(ObjectKey.From(_lease), cancellationToken);
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException or OperationCanceledException)
        {
            // It is taken for gone when it is not renewed.
            Log.ReplicaLeaseFailed(logger, e);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.ElectionIdentity is not { } identity)
            return;
        var (written, writtenAt) = (string.Empty, DateTimeOffset.MinValue);
        try
        {
            while (true)
            {
                ages.See(informer.Objects.Values);
                var annotations = Annotations();
                var text = string.Join('\n', annotations.Select(a => $"{a.Key}={a.Value}"));
                if (text != written || time.GetUtcNow() - writtenAt >= RenewEvery)
                {
                    if (await TryWriteAsync(identity, annotations, stoppingToken))
                        (written, writtenAt) = (text, time.GetUtcNow());
                    if (leadership.IsLeader)
                        await RemoveOldAsync(stoppingToken);
                }

                await Task.Delay(LookEvery, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    private SortedDictionary<string, string> Annotations()
    {
        var annotations = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var notice in _notices)
            annotations[notice.Annotation] = notice.Value;
        if (address.Value is { } endpoint)
            annotations[AddressAnnotation] = endpoint.ToString();
        return annotations;
    }

    private async Task<bool> TryWriteAsync(string identity, IDictionary<string, string> annotations, CancellationToken cancellation)
    {
        var lease = new V1Lease
        {
            Metadata = new V1ObjectMeta
            {
                // An identity may have characters that a name may not.
                Name = "mesh-operator-replica-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity)).AsSpan(0, 8)),
                NamespaceProperty = options.Namespace,
                Labels = new Dictionary<string, string>
                {
                    [MeshNames.ReplicaReportLabel] = "true",
                    [MeshNames.ManagedByLabel] = MeshNames.FieldManager,
                },
                Annotations = annotations,
                ResourceVersion = _lease?.Metadata.ResourceVersion,
            },
            Spec = new V1LeaseSpec
            {
                HolderIdentity = identity,
                RenewTime = time.GetUtcNow().UtcDateTime,
                LeaseDurationSeconds = (int)ReplicaAges.FreshFor.TotalSeconds,
            },
        };
        try
        {
            _lease = _lease is null ? await leases.CreateAsync(lease, cancellation) : await leases.ReplaceAsync(lease, cancellation);
            return true;
        }
        catch (KubernetesApiException e) when (e.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Conflict)
        {
            // Somebody has removed or changed it: with what is there now at the next turn.
            _lease = informer.Objects.GetValueOrDefault(ObjectKey.From(lease));
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
        {
            Log.ReplicaLeaseFailed(logger, e);
        }

        return false;
    }

    private async Task RemoveOldAsync(CancellationToken cancellation)
    {
        foreach (var key in informer.Objects.Where(l => IsReplica(l.Value) && ages.IsOld(l.Value)).Select(l => l.Key))
        {
            try
            {
                await leases.DeleteAsync(key, cancellation);
            }
            catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
            {
                Log.ReplicaLeaseFailed(logger, e);
            }
        }
    }

    private static bool IsReplica(V1Lease lease) => lease.Metadata.Labels?[MeshNames.ReplicaReportLabel] == "true";
}

/// <summary>Where this replica answers others; known when the port is open.</summary>
internal sealed class ReplicaAddress
{
    private IPEndPoint? _value;

    /// <summary>Null before it is known, and of a replica that is alone.</summary>
    public IPEndPoint? Value
    {
        get => Volatile.Read(ref _value);
        set => Volatile.Write(ref _value, value);
    }
}
