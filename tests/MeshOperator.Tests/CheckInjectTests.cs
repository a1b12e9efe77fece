using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Commands;
using MeshOperator.Injection;
using MeshOperator.LocalCluster;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary><c>meshop check-inject</c> against an API server.</summary>
public sealed class CheckInjectTests : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meshop-");
    private ApiServer _server = null!;
    private k8s.Kubernetes _client = null!;

    private string Kubeconfig => Path.Combine(_folder.FullName, "kubeconfig");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await ApiServer.StartAsync(new LocalClusterOptions { WorkloadControllers = false }, Cancellation);
        await File.WriteAllTextAsync(Kubeconfig, _server.Kubeconfig, Cancellation);
        _client = new k8s.Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(Kubeconfig));
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Each_pod_of_a_namespace_is_listed_with_the_reason_why_it_lacks_the_sidecar()
    {
        await NamespaceAsync("shop", MeshNames.InjectionEnabled);
        var injected = Pod("a-injected");
        new SidecarInjector(new InjectionOptions()).Inject(injected, "shop").IsInjected.ShouldBeTrue();
        await CreateAsync("shop", injected);
        await CreateAsync("shop", Pod("b-early"));
        var host = Pod("c-host");
        host.Metadata.Annotations = new Dictionary<string, string>
        {
            [MeshNames.NotInjectedAnnotation] = "the pod uses the host's network",
        };
        await CreateAsync("shop", host);
        var opted = Pod("d-out");
        opted.Metadata.Labels = new Dictionary<string, string> { [MeshNames.InjectLabel] = "false" };
        await CreateAsync("shop", opted);

        var (status, output, error) = await RunAsync("-n", "shop");
        status.ShouldBe(1, error);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines[0].ShouldBe("POD              SIDECAR   REASON");
        lines[1].ShouldBe("pod/a-injected   yes");
        lines[2].ShouldStartWith("pod/b-early      no        eligible but not injected: the pod was created before it or its namespace");
        lines[3].ShouldBe("pod/c-host       no        the pod uses the host's network");
        lines[4].ShouldBe("pod/d-out        no        the pod's label meshoperator.io/inject is \"false\"");
        lines.Length.ShouldBe(5);

        (await RunAsync("-n", "shop", "a-injected")).Status.ShouldBe(0);
    }

    [Fact]
    public async Task A_sidecar_of_a_branch_of_envoy_that_has_ended_is_named()
    {
        await NamespaceAsync("shop", MeshNames.InjectionEnabled);
        var old = Pod("old");
        new SidecarInjector(new InjectionOptions { ProxyImage = "docker.io/envoyproxy/envoy:v1.34.1" })
            .Inject(old, "shop")
            .IsInjected.ShouldBeTrue();
        await CreateAsync("shop", old);
        var (status, output, _) = await RunAsync("-n", "shop");
        status.ShouldBe(0);
        output.ShouldContain(
            "pod/old   yes       its sidecar is Envoy 1.34, which no longer gets security fixes; restart the pod to get "
                + $"{EnvoyReleases.DefaultImage}"
        );
    }

    [Fact]
    public async Task A_namespace_without_the_label_is_named_with_the_command_that_labels_it()
    {
        await NamespaceAsync("bare", null);
        await CreateAsync("bare", Pod("web"));
        var (status, output, _) = await RunAsync("-n", "bare", "pod/web");
        status.ShouldBe(1);
        output.ShouldContain(
            "namespace bare does not have the label meshoperator.io/injection=enabled; run kubectl label namespace bare "
                + "meshoperator.io/injection=enabled --overwrite"
        );
    }

    [Fact]
    public async Task A_deployment_is_checked_by_its_template_and_its_pods()
    {
        await NamespaceAsync("shop", MeshNames.InjectionEnabled);
        var labels = new Dictionary<string, string> { ["app"] = "web" };
        var early = Pod("web-early");
        early.Metadata.Labels = labels;
        await CreateAsync("shop", early);
        await CreateAsync("shop", Pod("other"));
        await _client.AppsV1.CreateNamespacedDeploymentAsync(
            new V1Deployment
            {
                Metadata = new V1ObjectMeta { Name = "web" },
                Spec = new V1DeploymentSpec
                {
                    Selector = new V1LabelSelector { MatchLabels = labels },
                    Template = new V1PodTemplateSpec
                    {
                        Metadata = new V1ObjectMeta { Labels = labels },
                        Spec = early.Spec,
                    },
                },
            },
            "shop",
            cancellationToken: Cancellation
        );

        var (status, output, error) = await RunAsync("-n", "shop", "deployment/web");
        status.ShouldBe(1, error);
        output.ShouldContain("deployment/web   would be\n");
        output.ShouldContain("pod/web-early    no ");
        output.ShouldNotContain("other");
    }

    [Fact]
    public async Task Manifests_are_checked_by_the_namespaces_in_them_or_in_the_cluster()
    {
        await NamespaceAsync("there", MeshNames.InjectionEnabled);
        const string pods = """
            apiVersion: v1
            kind: Namespace
            metadata: {name: given, labels: {meshoperator.io/injection: enabled}}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: a, namespace: given}
            spec: {containers: [{name: app, image: "app:1"}]}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: b, namespace: there}
            spec: {containers: [{name: app, image: "app:1"}]}

            """;
        (await CheckFileAsync(pods)).ShouldBe((0, "POD     SIDECAR    REASON\npod/a   would be\npod/b   would be\n", string.Empty));

        var (status, output, _) = await CheckFileAsync(
            pods.Replace("{containers:", "{securityContext: {runAsUser: 1337}, containers:", StringComparison.Ordinal)
        );
        status.ShouldBe(1);
        output.ShouldContain("the webhook would refuse it: spec.securityContext.runAsUser: 1337 is the proxy's");

        var missing = await CheckFileAsync(pods.Replace("namespace: there", "namespace: nowhere", StringComparison.Ordinal));
        missing.Status.ShouldBe(1);
        missing.Error.ShouldStartWith("meshop check-inject: namespace 'nowhere' does not exist; ");
    }

    [Fact]
    public async Task What_does_not_exist_or_answer_is_named_with_what_to_do()
    {
        await NamespaceAsync("shop", MeshNames.InjectionEnabled);
        (await RunAsync("-n", "shop", "late")).Error.ShouldStartWith(
            "meshop check-inject: pod 'late' does not exist in namespace 'shop'; look with kubectl get pod"
        );
        (await RunAsync("-n", "shop", "job/late")).Error.ShouldContain(
            "'job/late' is not a target; write the name of a pod, pod/NAME or deployment/NAME"
        );
        await _server.DisposeAsync();
        (await RunAsync("-n", "shop")).Error.ShouldContain("cannot be reached");
    }

    private async Task<(int Status, string Output, string Error)> CheckFileAsync(string manifests)
    {
        var file = Path.Combine(_folder.FullName, "pods.yaml");
        await File.WriteAllTextAsync(file, manifests, Cancellation);
        return await RunAsync("-f", file);
    }

    private async Task<(int Status, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var console = new System.CommandLine.InvocationConfiguration { Output = output, Error = error };
        var status = await CheckInjectCommand.Create().Parse([.. arguments, "--kubeconfig", Kubeconfig]).InvokeAsync(console, Cancellation);
        return (status, output.ToString(), error.ToString());
    }

    private async Task NamespaceAsync(string name, string? injection) =>
        await _client.CoreV1.CreateNamespaceAsync(
            new V1Namespace
            {
                Metadata = new V1ObjectMeta
                {
                    Name = name,
                    Labels = injection is null ? null : new Dictionary<string, string> { [MeshNames.InjectionLabel] = injection },
                },
            },
            cancellationToken: Cancellation
        );

    private async Task CreateAsync(string ns, V1Pod pod)
    {
        await Testing.Eventually.Succeeds(async () =>
            await _client.CoreV1.ReadNamespacedServiceAccountAsync("default", ns, cancellationToken: Cancellation)
        );
        await _client.CoreV1.CreateNamespacedPodAsync(pod, ns, cancellationToken: Cancellation);
    }

    private static V1Pod Pod(string name) =>
        new()
        {
            Metadata = new V1ObjectMeta { Name = name },
            Spec = new V1PodSpec { Containers = [new V1Container { Name = "app", Image = "app:1" }] },
        };
}
