using System.CommandLine;
using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Commands;
using MeshOperator.LocalCluster;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary><c>meshop uninstall</c> against an API server.</summary>
public sealed class UninstallTests : IAsyncLifetime
{
    private static readonly Dictionary<string, string> Managed = new() { [MeshNames.ManagedByLabel] = MeshNames.FieldManager };

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
        foreach (var ns in new[] { "mesh-system", "shop" })
        {
            await _client.CoreV1.CreateNamespaceAsync(
                new V1Namespace { Metadata = new V1ObjectMeta { Name = ns } },
                cancellationToken: Cancellation
            );
            await _client.CoreV1.CreateNamespacedConfigMapAsync(
                new V1ConfigMap
                {
                    Metadata = new V1ObjectMeta { Name = MeshNames.TrustBundleConfigMap, Labels = Managed },
                },
                ns,
                cancellationToken: Cancellation
            );
        }

        await _client.CoreV1.CreateNamespacedConfigMapAsync(
            new V1ConfigMap { Metadata = new V1ObjectMeta { Name = "settings" } },
            "shop",
            cancellationToken: Cancellation
        );
        await _client.CoordinationV1.CreateNamespacedLeaseAsync(
            new V1Lease { Metadata = new V1ObjectMeta { Name = "mesh-operator-leader" } },
            "mesh-system",
            cancellationToken: Cancellation
        );
        await SecretAsync(MeshNames.CaSecret, Managed);
        await SecretAsync(MeshNames.CaStateSecret, Managed);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Dry_run_lists_what_would_be_removed_and_removes_nothing()
    {
        var (status, output, error) = await RunAsync("", "--dry-run", "--ca");

        (status, error).ShouldBe((0, ""));
        output.ShouldContain("ConfigMap   mesh-system   mesh-trust-bundle");
        output.ShouldContain("ConfigMap   shop          mesh-trust-bundle");
        output.ShouldContain("Lease       mesh-system   mesh-operator-leader");
        output.ShouldContain("Secret      mesh-system   mesh-ca ");
        output.ShouldNotContain("settings");
        (await NamesAsync()).ShouldBe(["mesh-ca", "mesh-ca-state", "mesh-operator-leader", "mesh-trust-bundle", "settings"]);
    }

    [Theory]
    [InlineData("y", "mesh-ca,mesh-ca-state,settings")]
    [InlineData("y", "settings", "--ca")]
    [InlineData("n", "mesh-ca,mesh-ca-state,mesh-operator-leader,mesh-trust-bundle,settings")]
    [InlineData("", "mesh-ca,mesh-ca-state,mesh-operator-leader,mesh-trust-bundle,settings")]
    [InlineData("", "mesh-ca,mesh-ca-state,settings", "--yes")]
    public async Task It_asks_first_and_keeps_the_authority_unless_that_is_asked_for(string answer, string left, params string[] options)
    {
        var (_, output, _) = await RunAsync(answer, options);

        output.Contains("objects? [y/N]", StringComparison.Ordinal).ShouldBe(!options.Contains("--yes"));
        (await NamesAsync()).ShouldBe(left.Split(','));
        if (left.Split(',') is [.., "settings"] and not [_, _, _, ..])
            (await RunAsync("y", options)).Output.ShouldBe("There is nothing to remove.\n");
    }

    [Fact]
    public async Task An_authority_of_the_users_own_stays()
    {
        await _client.CoreV1.DeleteNamespacedSecretAsync(MeshNames.CaSecret, "mesh-system", cancellationToken: Cancellation);
        await SecretAsync(MeshNames.CaSecret, null);

        (await RunAsync("", "--yes", "--ca")).Status.ShouldBe(0);

        (await NamesAsync()).ShouldBe(["mesh-ca", "settings"]);
    }

    [Fact]
    public async Task It_refuses_while_the_operator_is_installed_or_pods_have_the_sidecar()
    {
        var release = new Dictionary<string, string>
        {
            ["app.kubernetes.io/name"] = "mesh-operator",
            ["app.kubernetes.io/part-of"] = "mesh-operator",
        };
        await _client.AdmissionregistrationV1.CreateMutatingWebhookConfigurationAsync(
            new V1MutatingWebhookConfiguration
            {
                Metadata = new V1ObjectMeta { Name = "mesh-operator", Labels = release },
            },
            cancellationToken: Cancellation
        );
        await _client.CoreV1.CreateNamespacedPodAsync(
            new V1Pod
            {
                Metadata = new V1ObjectMeta
                {
                    Name = "web",
                    Labels = new Dictionary<string, string> { [MeshNames.ProxyLabel] = MeshNames.ProxyEnvoy },
                },
                Spec = new V1PodSpec { Containers = [new V1Container { Name = "app", Image = "app:1" }] },
            },
            "shop",
            cancellationToken: Cancellation
        );

        var (status, _, error) = await RunAsync("", "--yes");
        status.ShouldBe(1);
        error.ShouldContain("the operator is still installed (MutatingWebhookConfiguration mesh-operator); run helm uninstall first");
        error.ShouldContain("1 pods still have the sidecar (shop/web)");
        (await NamesAsync()).ShouldContain("mesh-trust-bundle");

        (await RunAsync("", "--yes", "--force")).Status.ShouldBe(0);
        (await NamesAsync()).ShouldNotContain("mesh-trust-bundle");
    }

    private async Task SecretAsync(string name, Dictionary<string, string>? labels) =>
        await _client.CoreV1.CreateNamespacedSecretAsync(
            new V1Secret
            {
                Metadata = new V1ObjectMeta { Name = name, Labels = labels },
            },
            "mesh-system",
            cancellationToken: Cancellation
        );

    /// <summary>What is there of what the command is about.</summary>
    private async Task<IEnumerable<string>> NamesAsync()
    {
        var maps = await _client.CoreV1.ListConfigMapForAllNamespacesAsync(cancellationToken: Cancellation);
        var leases = await _client.CoordinationV1.ListNamespacedLeaseAsync("mesh-system", cancellationToken: Cancellation);
        var secrets = await _client.CoreV1.ListNamespacedSecretAsync("mesh-system", cancellationToken: Cancellation);
        return maps
            .Items.Select(map => map.Metadata.Name)
            .Concat(leases.Items.Select(lease => lease.Metadata.Name))
            .Concat(secrets.Items.Select(secret => secret.Metadata.Name))
            .Where(name => name != "kube-root-ca.crt")
            .Distinct()
            .Order(StringComparer.Ordinal);
    }

    private async Task<(int Status, string Output, string Error)> RunAsync(string answer, params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        using var input = new StringReader(answer);
        var console = new InvocationConfiguration { Output = output, Error = error };
        var status = await UninstallCommand
            .Create(input)
            .Parse([.. arguments, "--kubeconfig", Kubeconfig])
            .InvokeAsync(console, Cancellation);
        return (status, output.ToString(), error.ToString());
    }
}
