using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Output;

namespace MeshOperator.Uninstalling;

/// <summary>Finds what an uninstallation by Helm leaves in a cluster, and what keeps it from being removed.</summary>
internal sealed class Leftovers(IKubernetes client, string operatorNamespace)
{
    private const string LeasePrefix = "mesh-operator-";
    private const string Release = "app.kubernetes.io/name=mesh-operator,app.kubernetes.io/part-of=mesh-operator";
    private const string Managed = $"{MeshNames.ManagedByLabel}={MeshNames.FieldManager}";

    /// <summary>Why nothing should be removed now, each with what to do; empty when nothing is in the way.</summary>
    public async Task<IReadOnlyList<string>> FindObstaclesAsync(CancellationToken cancellation)
    {
        var deployments = await client.AppsV1.ListDeploymentForAllNamespacesAsync(labelSelector: Release, cancellationToken: cancellation);
        var webhooks = await client.AdmissionregistrationV1.ListMutatingWebhookConfigurationAsync(
            labelSelector: Release,
            cancellationToken: cancellation
        );
        var pods = await client.CoreV1.ListPodForAllNamespacesAsync(labelSelector: MeshNames.ProxyLabel, cancellationToken: cancellation);
        List<string> installed =
        [
            .. deployments.Items.Select(found => $"Deployment {Name(found)}"),
            .. webhooks.Items.Select(found => $"MutatingWebhookConfiguration {found.Metadata.Name}"),
        ];
        var obstacles = new List<string>();
        if (installed.Count > 0)
            obstacles.Add($"the operator is still installed ({string.Join(", ", installed)}); run helm uninstall first");
        if (pods.Items.Count > 0)
            obstacles.Add(
                $"{pods.Items.Count} pods still have the sidecar ({Names.Join([.. pods.Items.Select(Name)])}); remove the label "
                    + $"{MeshNames.InjectionLabel} from their namespaces, and restart them"
            );
        return obstacles;
    }

    /// <summary>What can be removed.</summary>
    /// <param name="definitions">Whether the definitions of policies count, with which all policies end.</param>
    /// <param name="authority">Whether the certificate authority counts.</param>
    /// <param name="cancellation">Ends the requests.</param>
    public async Task<IReadOnlyList<Leftover>> FindAsync(bool definitions, bool authority, CancellationToken cancellation)
    {
        var bundles = await client.CoreV1.ListConfigMapForAllNamespacesAsync(labelSelector: Managed, cancellationToken: cancellation);
        var leases = await client.CoordinationV1.ListNamespacedLeaseAsync(operatorNamespace, cancellationToken: cancellation);
        List<Leftover> found =
        [
            .. bundles
                .Items.Where(map => map.Metadata.Name == MeshNames.TrustBundleConfigMap)
                .Select(map => Describe(LeftoverKind.ConfigMap, map, "trust bundle")),
            .. leases
                .Items.Where(lease => lease.Metadata.Name.StartsWith(LeasePrefix, StringComparison.Ordinal))
                .Select(lease => Describe(LeftoverKind.Lease, lease, "record of the operator")),
        ];
        if (authority)
            found.AddRange(await FindAuthorityAsync(cancellation));
        if (definitions)
            found.AddRange(await FindDefinitionsAsync(cancellation));
        return found;
    }

    /// <summary>A Secret that the user made is the user's, and stays.</summary>
    private async Task<IEnumerable<Leftover>> FindAuthorityAsync(CancellationToken cancellation)
    {
        var secrets = await client.CoreV1.ListNamespacedSecretAsync(
            operatorNamespace,
            labelSelector: Managed,
            cancellationToken: cancellation
        );
        return secrets
            .Items.Where(secret => secret.Metadata.Name is MeshNames.CaSecret or MeshNames.CaStateSecret)
            .Select(secret => Describe(LeftoverKind.Secret, secret, "private key of the mesh's root; cannot be restored"));
    }

    private async Task<IEnumerable<Leftover>> FindDefinitionsAsync(CancellationToken cancellation)
    {
        var definitions = await client.ApiextensionsV1.ListCustomResourceDefinitionAsync(cancellationToken: cancellation);
        return definitions
            .Items.Where(definition => definition.Spec.Group == MeshNames.Group)
            .Select(definition =>
                Describe(LeftoverKind.CustomResourceDefinition, definition, $"all objects of kind {definition.Spec.Names.Kind}")
            );
    }

    private static Leftover Describe(LeftoverKind kind, IMetadata<V1ObjectMeta> found, string what) =>
        new(kind, found.Metadata.NamespaceProperty, found.Metadata.Name, what);

    private static string Name(IMetadata<V1ObjectMeta> found) => $"{found.Metadata.NamespaceProperty}/{found.Metadata.Name}";
}
