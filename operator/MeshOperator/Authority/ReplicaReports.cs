using System.Net;
using System.Security.Cryptography;
using System.Text;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Settings;

namespace MeshOperator.Authority;

/// <summary>Reports to the leader which state of the certificate authority this replica serves and how far its proxies are: a Lease of each
/// replica, with the report as annotation. The leader removes those of replicas that are long gone.</summary>
[GenericRbac("coordination.k8s.io", "leases", "create,list,watch,update,delete", OwnNamespace = true)]
internal sealed class ReplicaReports(
    EntityClient<V1Lease> leases,
    SharedInformer<V1Lease> informer,
    MeshAuthority authority,
    ProxyTrust trust,
    ReportAges ages,
    ILeadership leadership,
    OperatorOptions options,
    TimeProvider time,
    ILogger<ReplicaReports> logger
) : BackgroundService
{
    private const string Annotation = "meshoperator.io/trust-report";
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(10);
    private V1Lease? _lease;

    /// <summary>The report in a Lease; null when there is none.</summary>
    public static ReplicaReport? Read(V1Lease lease) =>
        lease.Metadata.Annotations is { } annotations && annotations.TryGetValue(Annotation, out var text)
            ? ReplicaReport.Parse(text)
            : null;

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
                var report = Report();
                if (report != written || time.GetUtcNow() - writtenAt >= RenewEvery)
                {
                    if (await TryWriteAsync(identity, report, stoppingToken))
                        (written, writtenAt) = (report, time.GetUtcNow());
                    if (leadership.IsLeader)
                        await RemoveOldAsync(stoppingToken);
                }

                await Task.Delay(LookEvery, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    /// <summary>While no rotation is in flight only that this replica is there, and how far it has followed.</summary>
    private string Report()
    {
        var present = authority.Current;
        return ReplicaReport
            .Create(present.State.Epoch, present.State.Phase == RotationPhase.Stable ? [] : trust.Missing(present))
            .ToString();
    }

    private async Task<bool> TryWriteAsync(string identity, string report, CancellationToken cancellation)
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
                Annotations = new Dictionary<string, string> { [Annotation] = report },
                ResourceVersion = _lease?.Metadata.ResourceVersion,
            },
            Spec = new V1LeaseSpec
            {
                HolderIdentity = identity,
                RenewTime = time.GetUtcNow().UtcDateTime,
                LeaseDurationSeconds = (int)ReportAges.FreshFor.TotalSeconds,
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
            Log.ReportFailed(logger, e);
        }

        return false;
    }

    private async Task RemoveOldAsync(CancellationToken cancellation)
    {
        foreach (var key in informer.Objects.Where(l => Read(l.Value) is not null && ages.IsOld(l.Value)).Select(l => l.Key))
        {
            try
            {
                await leases.DeleteAsync(key, cancellation);
            }
            catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
            {
                Log.ReportFailed(logger, e);
            }
        }
    }
}
