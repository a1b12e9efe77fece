using System.Net;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Checks.Installation;

/// <summary>Where the installation is.</summary>
/// <param name="Namespace">The operator's namespace.</param>
/// <param name="Release">The name of Helm's release.</param>
internal sealed record InstallationSettings(string Namespace, string Release);

/// <summary>Checks a cluster before and after an installation: reads, and has pure functions judge what was read.</summary>
internal sealed class InstallationChecks(ClusterReader reader, InstallationSettings settings, TimeProvider time)
{
    /// <summary>The name of the operator's Deployment, Service and webhook configurations.</summary>
    private const string Operator = "mesh-operator";

    private const string LeaderLease = "mesh-operator-leader";

    private readonly IReadOnlyList<JsonObject> _ownCrds = [.. EmbeddedCrds.Read()];
    private readonly InjectionOptions _injection = new() { OperatorNamespace = settings.Namespace };

    /// <summary>Before an installation or upgrade.</summary>
    /// <exception cref="HttpRequestException">The API server cannot be reached.</exception>
    public async Task<IReadOnlyList<Finding>> CheckBeforeAsync(CancellationToken cancellation)
    {
        var kubernetes = KubernetesCheck.Find(await reader.GetVersionAsync(cancellation));
        return
        [
            kubernetes,
            .. await TryAsync(CheckNames.Rights, async () => [RightsCheck.Find(await FindMissingRightsAsync(cancellation))]),
            .. await TryAsync(CheckNames.Crds, () => CheckCrdsBeforeAsync(cancellation)),
            .. await TryAsync(
                CheckNames.PriorityClass,
                async () => [PriorityClassCheck.Find(await reader.GetAsync<V1PriorityClass>("", PriorityClassCheck.Default, cancellation))]
            ),
            ClockCheck.Find(reader.ClockDifference),
        ];
    }

    /// <summary>After an installation.</summary>
    /// <exception cref="HttpRequestException">The API server cannot be reached.</exception>
    public async Task<IReadOnlyList<Finding>> CheckAfterAsync(CancellationToken cancellation)
    {
        var kubernetes = KubernetesCheck.Find(await reader.GetVersionAsync(cancellation));
        V1Deployment? deployment = null;
        string? bundle = null;
        var operatorFindings = await TryAsync(
            CheckNames.Replicas,
            async () =>
            {
                deployment = await reader.GetAsync<V1Deployment>(settings.Namespace, Operator, cancellation);
                return deployment is null
                    ? [OperatorCheck.Missing(Operator, settings.Namespace)]
                    : [OperatorCheck.FindVersion(deployment, _injection.Version), OperatorCheck.FindReplicas(deployment)];
            }
        );
        var bundleFindings = await TryAsync(
            CheckNames.Certificates,
            async () =>
            {
                var map = await reader.GetAsync<V1ConfigMap>(settings.Namespace, MeshNames.TrustBundleConfigMap, cancellation);
                bundle = map?.Data?[MeshNames.CaCertificateKey];
                return [];
            }
        );
        return
        [
            kubernetes,
            .. operatorFindings,
            .. await TryAsync(
                CheckNames.Leader,
                async () => [OperatorCheck.FindLeader(await GetLeaseAsync(cancellation), GetServerTime())]
            ),
            .. await TryAsync(CheckNames.Crds, async () => CrdCheck.FindAfter(_ownCrds, await GetCrdsAsync(cancellation))),
            .. await TryAsync(CheckNames.Webhooks, () => CheckWebhooksAsync(bundle, cancellation)),
            .. bundleFindings,
            .. await TryAsync(
                CheckNames.Certificates,
                async () => CertificateCheck.Find(await GetAuthorityAsync(cancellation), bundle, GetServerTime())
            ),
            ClockCheck.Find(reader.ClockDifference),
            .. await TryAsync(CheckNames.Proxies, () => CheckPodsAsync(deployment, cancellation)),
            .. await TryAsync(CheckNames.Policies, async () => PolicyCheck.Find(await GetPoliciesAsync(cancellation))),
        ];
    }

    private async Task<IEnumerable<Finding>> CheckCrdsBeforeAsync(CancellationToken cancellation)
    {
        var stored = await GetCrdsAsync(cancellation);
        var adoption = AdoptionCheck.Find(stored, settings.Release, settings.Namespace);
        return [.. CrdCheck.FindBefore(_ownCrds, stored), .. adoption is null ? Array.Empty<Finding>() : [adoption]];
    }

    private async Task<IEnumerable<Finding>> CheckWebhooksAsync(string? bundle, CancellationToken cancellation)
    {
        var slices = await reader.ListAsync<V1EndpointSlice>(settings.Namespace, $"kubernetes.io/service-name={Operator}", cancellation);
        var mutating = await reader.GetAsync<V1MutatingWebhookConfiguration>("", Operator, cancellation);
        var validating = await reader.GetAsync<V1ValidatingWebhookConfiguration>("", Operator, cancellation);
        return
        [
            WebhookCheck.FindEndpoints(slices),
            .. WebhookCheck.FindBundles(Operator, mutating, validating, bundle),
            .. validating is null ? Array.Empty<Finding>() : [await TryWebhookAsync(cancellation)],
        ];
    }

    private async Task<Finding> TryWebhookAsync(CancellationToken cancellation) =>
        WebhookCheck.FindAnswers(
            await reader.TryCreateAsync<TrafficSplit>(settings.Namespace, CreateSplit("meshop-check"), cancellation),
            await reader.TryCreateAsync<TrafficSplit>(settings.Namespace, CreateSplit("meshop-check", "meshop-check"), cancellation)
        );

    private async Task<IEnumerable<Finding>> CheckPodsAsync(V1Deployment? deployment, CancellationToken cancellation)
    {
        var namespaces = await reader.ListAsync<V1Namespace>(ns: null, selector: null, cancellation);
        var byName = namespaces.ToDictionary(ns => ns.Metadata.Name, StringComparer.Ordinal);
        var pods = await reader.ListAsync<V1Pod>(ns: null, selector: null, cancellation);
        var injection = new InjectionCheck(new SidecarInjector(_injection), time);
        return
        [
            .. ProxyCheck.Find(
                pods,
                pod => byName.TryGetValue(pod.Metadata.NamespaceProperty, out var ns) && injection.IsMissing(pod, ns),
                _injection.Version,
                DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime)
            ),
            PodSecurityCheck.Find(namespaces, ReadInterception(deployment)),
        ];
    }

    private async Task<IReadOnlyCollection<NeededRight>> FindMissingRightsAsync(CancellationToken cancellation)
    {
        var missing = new List<NeededRight>();
        foreach (var right in RightsCheck.Needed)
        {
            if (!await reader.IsAllowedAsync(right, settings.Namespace, cancellation))
                missing.Add(right);
        }

        return missing;
    }

    private async Task<IReadOnlyDictionary<string, JsonObject>> GetCrdsAsync(CancellationToken cancellation)
    {
        var stored = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
        foreach (var name in _ownCrds.Select(crd => (string)crd["metadata"]!["name"]!))
        {
            if (await reader.GetCrdAsync(name, cancellation) is { } crd)
                stored[name] = crd;
        }

        return stored;
    }

    private async Task<IReadOnlyCollection<PolicyState>> GetPoliciesAsync(CancellationToken cancellation)
    {
        var policies = new List<PolicyState>();
        foreach (var kind in PolicyKinds.All)
            policies.AddRange(await kind.Accept(new PolicyReader(reader, cancellation)));
        return policies;
    }

    private Task<V1Lease?> GetLeaseAsync(CancellationToken cancellation) =>
        reader.GetAsync<V1Lease>(settings.Namespace, LeaderLease, cancellation);

    private Task<MeshCertificateAuthority?> GetAuthorityAsync(CancellationToken cancellation) =>
        reader.GetAsync<MeshCertificateAuthority>("", MeshNames.CertificateAuthority, cancellation);

    private DateTimeOffset GetServerTime() => time.GetUtcNow() + reader.ClockDifference;

    /// <summary>A split of a service that nobody has. With a backend twice, only the webhook refuses it.</summary>
    private static JsonObject CreateSplit(params string[] backends) =>
        new()
        {
            ["apiVersion"] = $"{MeshNames.Group}/{MeshNames.Version}",
            ["kind"] = "TrafficSplit",
            ["metadata"] = new JsonObject { ["name"] = "meshop-check" },
            ["spec"] = new JsonObject
            {
                ["service"] = "meshop-check",
                ["backends"] = new JsonArray([.. backends.Select(backend => new JsonObject { ["service"] = backend })]),
            },
        };

    private string ReadInterception(V1Deployment? deployment)
    {
        var arguments = deployment?.Spec.Template.Spec.Containers.SelectMany(container => container.Args ?? []).ToList() ?? [];
        var option = arguments.IndexOf("--interception");
        return option >= 0 && option + 1 < arguments.Count ? arguments[option + 1] : _injection.Interception;
    }

    /// <summary>A check that cannot be made says so, and the others go on.</summary>
    private static async Task<IReadOnlyList<Finding>> TryAsync(string check, Func<Task<IEnumerable<Finding>>> find)
    {
        try
        {
            return [.. await find()];
        }
        catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            return [Finding.Warning(check, $"not checked: {e.Message}; give the kubeconfig's user this right")];
        }
        catch (Exception e) when (e is KubernetesApiException or TimeoutException)
        {
            return [Finding.Error(check, $"not checked: {e.Message}")];
        }
    }
}
