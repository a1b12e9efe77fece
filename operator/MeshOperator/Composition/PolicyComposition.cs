using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Snapshots;
using MeshOperator.Statuses;
using MeshOperator.Webhooks;

namespace MeshOperator.Composition;

/// <summary>What each kind of policy needs in the host.</summary>
internal static class PolicyComposition
{
    /// <summary>Adds informer, webhook, status and a place in the snapshot for each kind.</summary>
    public static IOperatorBuilder AddPolicies(this IOperatorBuilder kubernetes)
    {
        var add = new Add(kubernetes);
        foreach (var kind in PolicyKinds.All)
            kind.Accept(add);
        return kubernetes;
    }

    /// <summary>Maps the validating webhook of each kind.</summary>
    /// <returns>The endpoints.</returns>
    public static IReadOnlyList<IEndpointConventionBuilder> MapPolicyWebhooks(this IEndpointRouteBuilder endpoints)
    {
        var map = new Map(endpoints);
        return [.. PolicyKinds.All.Select(kind => kind.Accept(map))];
    }

    private sealed class Add(IOperatorBuilder kubernetes) : IPolicyKindVisitor<IOperatorBuilder>
    {
        public IOperatorBuilder Visit<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind)
            where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
            where TSpec : class, new()
        {
            kubernetes.Services.AddSingleton(kind);
            kubernetes.Services.AddSingleton(kind.Validator);
            kubernetes.Services.AddSingleton<IPolicyStatusStore, PolicyStatusStore<TPolicy, TSpec>>();
            kubernetes.Services.AddSingleton<IPolicyFeed, PolicyFeed<TPolicy, TSpec>>();
            return kubernetes.AddInformer<TPolicy>().AddValidationWebhook<PolicyWebhook<TPolicy, TSpec>, TPolicy>();
        }
    }

    private sealed class Map(IEndpointRouteBuilder endpoints) : IPolicyKindVisitor<IEndpointConventionBuilder>
    {
        public IEndpointConventionBuilder Visit<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind)
            where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
            where TSpec : class, new() => endpoints.MapValidationWebhook<TPolicy>();
    }
}
