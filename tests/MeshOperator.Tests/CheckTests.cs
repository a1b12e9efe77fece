using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Checks;
using MeshOperator.Commands;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Client;
using MeshOperator.LocalCluster;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary><c>meshop check</c> against an API server.</summary>
public sealed class CheckTests : IAsyncLifetime
{
    private const string Home = "mesh-system";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meshop-");
    private ApiServer _server = null!;
    private k8s.Kubernetes _client = null!;
    private KubernetesTransport _transport = null!;

    private string Kubeconfig => Path.Combine(_folder.FullName, "kubeconfig");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await ApiServer.StartAsync(new LocalClusterOptions { WorkloadControllers = false }, Cancellation);
        await File.WriteAllTextAsync(Kubeconfig, _server.Kubeconfig, Cancellation);
        _client = new k8s.Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(Kubeconfig));
        _transport = new KubernetesTransport(_client, TimeProvider.System);
        await NamespaceAsync(Home);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>An API server for tests has no PriorityClasses.</summary>
    [Fact]
    public async Task Before_an_installation_rights_crds_and_priority_are_looked_at()
    {
        var (status, output, error) = await RunAsync("--pre");
        status.ShouldBe(1, error);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines[0].ShouldMatch("^STATUS +CHECK +SEE +FINDING$");
        lines.ShouldContain(line => line.EndsWith("this user may install the chart", StringComparison.Ordinal));
        lines.ShouldContain(line => line.EndsWith("the cluster has no CRDs of the mesh yet", StringComparison.Ordinal));
        lines
            .Where(line => line.StartsWith("Error ", StringComparison.Ordinal))
            .ShouldHaveSingleItem()
            .ShouldContain("the PriorityClass system-cluster-critical does not exist");
    }

    [Fact]
    public async Task Crds_that_helm_does_not_own_and_those_of_another_version_are_named_with_what_to_do()
    {
        await CrdsAsync(crd =>
            crd["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!["properties"]!["spec"]!["properties"]!
                ["port"]
                ?.AsObject()
                .Remove("maximum")
        );

        var before = await FindAsync("--pre");
        before.Status.ShouldBe(1);
        before.ShouldFind("Warning", "crds", "CRD trafficsplits.meshoperator.io is of another version, it differs at spec.port.maximum; ");
        before.ShouldFind("Error", "adoption", "Helm refuses to upgrade circuitbreakers.meshoperator.io, ");
        before.ShouldFind(
            "Error",
            "adoption",
            "kubectl get crds -o name | grep '\\.meshoperator\\.io$' | xargs kubectl patch --type merge -p "
        );
        before.ShouldFind("Error", "adoption", "\"meta.helm.sh/release-namespace\":\"mesh-system\"}}}'");
        (await FindAsync()).ShouldFind(
            "Error",
            "crds",
            "CRD trafficsplits.meshoperator.io is not of this version, it differs at spec.port.maximum"
        );

        await CrdsAsync(crd =>
        {
            crd["metadata"]!["labels"] = new JsonObject { ["app.kubernetes.io/managed-by"] = "Helm" };
            crd["metadata"]!["annotations"] = new JsonObject
            {
                ["meta.helm.sh/release-name"] = "mesh",
                ["meta.helm.sh/release-namespace"] = Home,
            };
        });
        var owned = await FindAsync("--pre", "--release", "mesh");
        owned.ShouldFind("Ok", "crds", "the CRDs in the cluster are of this version");
        owned.ShouldFind("Ok", "adoption", "the CRDs belong to the release mesh");
        (await FindAsync("--pre")).ShouldFind("Error", "adoption", "which the release mesh-operator does not own");
    }

    [Fact]
    public async Task A_cluster_without_an_installation_lacks_operator_and_crds()
    {
        var found = await FindAsync();
        found.Status.ShouldBe(1);
        found.ShouldFind("Error", "replicas", "there is no Deployment mesh-operator in namespace mesh-system; install the chart");
        found.ShouldFind("Error", "leader", "no replica is the leader");
        found.ShouldFind("Error", "crds", "CRD trafficsplits.meshoperator.io is not in the cluster; ");
        found.ShouldFind("Error", "webhooks", "there is no MutatingWebhookConfiguration mesh-operator, so no pod gets a sidecar");
        found.ShouldFind("Error", "certificates", "there is no MeshCertificateAuthority mesh");
    }

    [Fact]
    public async Task The_operators_version_replicas_and_leader_are_compared_with_what_they_should_be()
    {
        await DeploymentAsync("registry.example:5000/mesh/mesh-operator:v9.8.7@sha256:abc", replicas: 3, ready: 2);
        await LeaseAsync(TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(-150));
        var found = await FindAsync();
        found.ShouldFind("Warning", "version", "the operator is of version 9.8.7 and this meshop of 0.1.0");
        found.ShouldFind("Warning", "replicas", "2 of 3 replicas of mesh-operator are ready");
        found.ShouldFind("Error", "leader", "the leader mesh-operator-a renewed its Lease 1");

        await _client.AppsV1.DeleteNamespacedDeploymentAsync("mesh-operator", Home, cancellationToken: Cancellation);
        await DeploymentAsync("mesh-operator:0.1.0", replicas: 1, ready: 1);
        await _client.CoordinationV1.DeleteNamespacedLeaseAsync("mesh-operator-leader", Home, cancellationToken: Cancellation);
        await LeaseAsync(TimeProvider.System.GetUtcNow().UtcDateTime);
        found = await FindAsync();
        found.ShouldFind("Ok", "version", "operator and meshop are of version 0.1.0");
        found.ShouldFind("Warning", "replicas", "the operator has one replica");
        found.ShouldFind("Ok", "leader", "mesh-operator-a is the leader");
    }

    [Fact]
    public async Task Webhooks_that_nobody_serves_or_asks_are_found()
    {
        await CrdsAsync();
        await ApplyAsync(
            """
            {"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"mesh-operator"},
             "webhooks":[{"name":"trafficsplits.meshoperator.io","sideEffects":"None","admissionReviewVersions":["v1"],
             "clientConfig":{"service":{"name":"mesh-operator","namespace":"mesh-system","path":"/validate/trafficsplits"},
             "caBundle":"YQ=="},
             "rules":[{"apiGroups":["other.io"],"apiVersions":["v1"],"operations":["CREATE"],"resources":["splits"]}]}]}
            """
        );
        await ApplyAsync(
            """
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"mesh-trust-bundle","namespace":"mesh-system"},
             "data":{"ca.crt":"b"}}
            """
        );
        var found = await FindAsync();
        found.ShouldFind("Error", "webhooks", "the webhooks' Service has no endpoint");
        found.ShouldFind("Error", "webhooks", "the caBundle of trafficsplits.meshoperator.io is not the mesh's trust bundle");
        found.ShouldFind("Error", "webhooks", "the API server does not ask the webhook: it accepts an invalid policy");
    }

    [Fact]
    public async Task Policies_that_are_not_in_effect_are_listed_with_their_reason()
    {
        await CrdsAsync();
        await NamespaceAsync("shop");
        await PolicyAsync("fine", (ConditionTypes.Accepted, "True", "Accepted", "The policy is valid."));
        await PolicyAsync("younger", (ConditionTypes.Accepted, "False", "Conflicted", "Another split is older."));
        await PolicyAsync(
            "waiting",
            (ConditionTypes.Accepted, "True", "Accepted", ""),
            (ConditionTypes.Programmed, "False", "Pending", "3 of 4 proxies.")
        );
        var found = await FindAsync();
        found.ShouldFind("Error", "policies", "TrafficSplit shop/younger: Accepted is False (Conflicted): Another split is older.");
        found.ShouldFind("Warning", "policies", "TrafficSplit shop/waiting: Programmed is False (Pending): 3 of 4 proxies.");
        found.Output.ShouldNotContain("shop/fine");
    }

    [Fact]
    public async Task Pods_whose_sidecar_is_missing_old_or_restarting_are_named()
    {
        await NamespaceAsync("shop", (MeshNames.InjectionLabel, MeshNames.InjectionEnabled));
        await PodAsync("early", _ => { });
        await PodAsync("old", Inject(new InjectionOptions { Version = "0.0.9", ProxyImage = "docker.io/envoyproxy/envoy:v1.34.1" }));
        await PodAsync("crashing", Inject(new InjectionOptions()));
        await _client.CoreV1.PatchNamespacedPodStatusAsync(
            new V1Patch(
                """
                {"status":{"phase":"Running","containerStatuses":[{"name":"mesh-proxy","image":"a","imageID":"a","ready":false,
                 "restartCount":7,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}
                """,
                V1Patch.PatchType.MergePatch
            ),
            "crashing",
            "shop",
            cancellationToken: Cancellation
        );
        var found = await FindAsync();
        found.ShouldFind("Warning", "proxies", "1 pods lack the sidecar: shop/early; restart them");
        found.ShouldFind("Warning", "proxies", "1 pods have the sidecar of another version than 0.1.0: shop/old");
        found.ShouldFind("Warning", "proxies", "1 pods have an Envoy that no longer gets security fixes: shop/old");
        found.ShouldFind("Error", "proxies", "1 pods have a sidecar that restarts again and again: shop/crashing");
    }

    [Fact]
    public async Task A_namespace_whose_pod_security_forbids_the_init_container_is_found_before_a_pod_fails()
    {
        await NamespaceAsync(
            "shop",
            (MeshNames.InjectionLabel, MeshNames.InjectionEnabled),
            ("pod-security.kubernetes.io/enforce", "baseline")
        );
        await DeploymentAsync("mesh-operator:0.1.0", replicas: 2, ready: 2);
        (await FindAsync()).ShouldFind("Error", "pod-security", "Pod Security of shop (baseline) forbids the init container");

        await _client.AppsV1.DeleteNamespacedDeploymentAsync("mesh-operator", Home, cancellationToken: Cancellation);
        await DeploymentAsync("mesh-operator:0.1.0", replicas: 2, ready: 2, "run", "--interception", "cni");
        (await FindAsync()).ShouldFind("Ok", "pod-security", "1 namespaces are in the mesh");
    }

    [Fact]
    public async Task What_the_authority_reports_of_certificates_and_clocks_is_repeated()
    {
        await CrdsAsync();
        await ApplyAsync(
            """{"apiVersion":"meshoperator.io/v1alpha1","kind":"MeshCertificateAuthority","metadata":{"name":"mesh"},"spec":{}}"""
        );
        await PatchStatusAsync(
            ResourceKind.ForEntity<MeshCertificateAuthority>().Path(name: "mesh", subresource: "status"),
            [
                Condition(ConditionTypes.ExpiringSoon, "True", "ExpiresSoon", "The root expires in 3 days."),
                Condition(ConditionTypes.ClocksAgree, "False", "ClocksDiffer", "The clocks differ by 5 minutes."),
            ],
            status => status["certificates"] = new JsonArray(new JsonObject { ["name"] = "webhook", ["notAfter"] = "2020-01-01T00:00:00Z" })
        );
        var found = await FindAsync();
        found.ShouldFind("Warning", "certificates", "The root expires in 3 days.");
        found.ShouldFind("Warning", "clocks", "The clocks differ by 5 minutes.");
        found.ShouldFind("Error", "certificates", "the certificate webhook expired at 2020-01-01T00:00:00Z");
    }

    [Fact]
    public async Task The_cluster_is_chosen_as_kubectl_does()
    {
        var (status, _, error) = await RunAsync("--context", "elsewhere");
        status.ShouldBe(1);
        error.ShouldContain("meshop check: the cluster cannot be checked: ");
        error.ShouldContain("elsewhere");

        await _server.DisposeAsync();
        (await RunAsync()).Error.ShouldStartWith("meshop check: the cluster cannot be checked: ");
    }

    private static Action<V1Pod> Inject(InjectionOptions options) =>
        pod => new SidecarInjector(options).Inject(pod, "shop").IsInjected.ShouldBeTrue();

    private async Task<Found> FindAsync(params string[] arguments)
    {
        var (status, output, error) = await RunAsync([.. arguments, "--output", "Json"]);
        error.ShouldBeEmpty();
        return new Found(status, output, JsonNode.Parse(output)!.AsArray());
    }

    private async Task<(int Status, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var console = new System.CommandLine.InvocationConfiguration { Output = output, Error = error };
        var status = await CheckCommand.Create().Parse([.. arguments, "--kubeconfig", Kubeconfig]).InvokeAsync(console, Cancellation);
        return (status, output.ToString(), error.ToString());
    }

    private Task<JsonObject> ApplyAsync(string json) =>
        new DynamicClient(_transport).ApplyAsync((JsonObject)JsonNode.Parse(json)!, Cancellation);

    private async Task CrdsAsync(Action<JsonObject>? change = null)
    {
        foreach (var crd in EmbeddedCrds.Read())
        {
            change?.Invoke(crd);
            await new DynamicClient(_transport).ApplyAsync(crd, Cancellation);
        }

        await Testing.Eventually.Succeeds(async () => await new EntityClient<TrafficSplit>(_transport).ListAsync(Cancellation));
    }

    private async Task NamespaceAsync(string name, params (string Name, string Value)[] labels) =>
        await _client.CoreV1.CreateNamespaceAsync(
            new V1Namespace
            {
                Metadata = new V1ObjectMeta { Name = name, Labels = labels.ToDictionary(label => label.Name, label => label.Value) },
            },
            cancellationToken: Cancellation
        );

    private async Task DeploymentAsync(string image, int replicas, int ready, params string[] arguments)
    {
        var labels = new Dictionary<string, string> { ["app"] = "mesh-operator" };
        await _client.AppsV1.CreateNamespacedDeploymentAsync(
            new V1Deployment
            {
                Metadata = new V1ObjectMeta { Name = "mesh-operator" },
                Spec = new V1DeploymentSpec
                {
                    Replicas = replicas,
                    Selector = new V1LabelSelector { MatchLabels = labels },
                    Template = new V1PodTemplateSpec
                    {
                        Metadata = new V1ObjectMeta { Labels = labels },
                        Spec = new V1PodSpec
                        {
                            Containers =
                            [
                                new V1Container
                                {
                                    Name = "operator",
                                    Image = image,
                                    Args = arguments,
                                },
                            ],
                        },
                    },
                },
            },
            Home,
            cancellationToken: Cancellation
        );
        await _client.AppsV1.PatchNamespacedDeploymentStatusAsync(
            new V1Patch($$$"""{"status":{"replicas":{{{replicas}}},"readyReplicas":{{{ready}}}}}""", V1Patch.PatchType.MergePatch),
            "mesh-operator",
            Home,
            cancellationToken: Cancellation
        );
    }

    private async Task LeaseAsync(DateTime renewed) =>
        await _client.CoordinationV1.CreateNamespacedLeaseAsync(
            new V1Lease
            {
                Metadata = new V1ObjectMeta { Name = "mesh-operator-leader" },
                Spec = new V1LeaseSpec
                {
                    HolderIdentity = "mesh-operator-a",
                    LeaseDurationSeconds = 15,
                    RenewTime = renewed,
                },
            },
            Home,
            cancellationToken: Cancellation
        );

    private async Task PolicyAsync(string name, params (string Type, string Status, string Reason, string Message)[] conditions)
    {
        await ApplyAsync(
            $$$"""
            {"apiVersion":"meshoperator.io/v1alpha1","kind":"TrafficSplit","metadata":{"name":"{{{name}}}","namespace":"shop"},
             "spec":{"service":"a","backends":[{"service":"b"}]}}
            """
        );
        await PatchStatusAsync(
            ResourceKind.ForEntity<TrafficSplit>().Path("shop", name, "status"),
            [.. conditions.Select(c => Condition(c.Type, c.Status, c.Reason, c.Message))],
            _ => { }
        );
    }

    private static JsonObject Condition(string type, string status, string reason, string message) =>
        new()
        {
            ["type"] = type,
            ["status"] = status,
            ["reason"] = reason,
            ["message"] = message,
            ["lastTransitionTime"] = "2026-01-01T00:00:00Z",
        };

    private async Task PatchStatusAsync(string path, JsonObject[] conditions, Action<JsonObject> change)
    {
        var status = new JsonObject { ["conditions"] = new JsonArray([.. conditions]) };
        change(status);
        var body = new JsonObject { ["status"] = status }.ToJsonString();
        await _transport.SendAsync(HttpMethod.Patch, path, Encoding.UTF8.GetBytes(body), "application/merge-patch+json", Cancellation);
    }

    private async Task PodAsync(string name, Action<V1Pod> change)
    {
        var pod = new V1Pod
        {
            Metadata = new V1ObjectMeta { Name = name },
            Spec = new V1PodSpec { Containers = [new V1Container { Name = "app", Image = "app:1" }] },
        };
        change(pod);
        await Testing.Eventually.Succeeds(async () =>
            await _client.CoreV1.ReadNamespacedServiceAccountAsync("default", "shop", cancellationToken: Cancellation)
        );
        await _client.CoreV1.CreateNamespacedPodAsync(pod, "shop", cancellationToken: Cancellation);
    }

    private sealed record Found(int Status, string Output, JsonArray Findings)
    {
        public void ShouldFind(string level, string check, string message) =>
            Findings.ShouldContain(
                finding =>
                    (string?)finding!["level"] == level
                    && (string?)finding["check"] == check
                    && ((string)finding["message"]!).Contains(message, StringComparison.Ordinal)
                    && (string?)finding["link"] == $"docs/operations/check.md#{check}",
                Output
            );
    }
}
