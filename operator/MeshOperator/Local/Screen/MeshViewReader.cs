using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Local.Node;

namespace MeshOperator.Local.Screen;

/// <summary>Reads what a local mesh shows of itself.</summary>
internal sealed class MeshViewReader(LocalMesh mesh)
{
    /// <summary>The present view.</summary>
    public async Task<MeshView> ReadAsync(CancellationToken cancellation)
    {
        var policies = new List<PolicyView>();
        foreach (var kind in PolicyKinds.All)
            policies.AddRange(await kind.Accept(new ReadPolicies(mesh.Transport, cancellation)));
        var (requests, failed) = mesh.Traffic.Total;
        return new MeshView(
            mesh.Node?.Proxies.Description ?? "none",
            [.. (mesh.Node?.Pods ?? []).Select(Read).OrderBy(pod => pod.Name, StringComparer.Ordinal)],
            mesh.Traffic.Read(),
            policies,
            requests,
            failed
        );
    }

    private static PodView Read(LocalPod pod) =>
        new(
            pod.Name,
            pod.Address,
            pod switch
            {
                { IsEnding: true } => "ends",
                { IsReady: true } => "ready",
                { Problem: not null } => "failed",
                _ => "starts",
            },
            pod.ProxyContainer is null ? "none"
                : pod.Proxy is null ? "starts"
                : "runs",
            pod.Restarts,
            pod.StandIn?.Requests ?? 0,
            pod.Problem
        );

    /// <summary>Reads the policies of a kind.</summary>
    private sealed class ReadPolicies(KubernetesTransport transport, CancellationToken cancellation)
        : IPolicyKindVisitor<Task<IReadOnlyList<PolicyView>>>
    {
        public async Task<IReadOnlyList<PolicyView>> Visit<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind)
            where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
            where TSpec : class, new()
        {
            var policies = await new EntityClient<TPolicy>(transport).ListAsync(cancellation);
            return
            [
                .. policies
                    .Select(policy =>
                        Read(
                            kind.Name,
                            $"{policy.Metadata.NamespaceProperty}/{policy.Metadata.Name}",
                            policy.CommonStatus ?? new PolicyStatus()
                        )
                    )
                    .OrderBy(policy => policy.Name, StringComparer.Ordinal),
            ];
        }

        private static PolicyView Read(string kind, string name, PolicyStatus status) =>
            new(
                kind,
                name,
                FindStatus(status, ConditionTypes.Accepted),
                FindStatus(status, ConditionTypes.Programmed),
                status.Proxies?.Summary ?? "-",
                status.Conditions.Find(condition => condition.Status != "True") is { } problem
                    ? $"{problem.Reason}: {problem.Message}"
                    : null
            );

        private static string FindStatus(PolicyStatus status, string type) =>
            status.Conditions.Find(condition => condition.Type == type)?.Status ?? "-";
    }
}
