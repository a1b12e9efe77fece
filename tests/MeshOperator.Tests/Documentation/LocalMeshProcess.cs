using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Documentation;

/// <summary><c>meshop local --apply samples/canary</c> as a process, in a folder that looks like the root of a checkout, where the commands
/// of documents run.</summary>
public sealed class LocalMeshProcess : IAsyncLifetime
{
    private static readonly TimeSpan StartsWithin = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan RunsWithin = TimeSpan.FromSeconds(120);
    private static readonly string[] SampleDeployments = ["feature-store", "gateway", "model-v1", "model-v2"];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meshop-docs-");
    private Process? _process;
    private k8s.Kubernetes? _client;

    public async ValueTask InitializeAsync()
    {
        foreach (var folder in new[] { "samples", "charts", "crds", "operator", "tests" })
            Directory.CreateSymbolicLink(Path.Combine(_folder.FullName, folder), Path.Combine(Document.Root, folder));
        var bin = _folder.CreateSubdirectory("bin").FullName;
        var meshop = Path.Combine(bin, "meshop");
        await File.WriteAllTextAsync(meshop, $"#!/bin/sh\nexec dotnet {Path.Combine(AppContext.BaseDirectory, "meshop.dll")} \"$@\"\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(meshop, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string[] arguments = ["local", "--proxy", "BuiltIn", "--xds-port", "0", "--output", "json", "--apply", "samples/canary"];
        _process = Process.Start(
            new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "meshop.dll"), .. arguments])
            {
                WorkingDirectory = _folder.FullName,
                RedirectStandardOutput = true,
            }
        )!;
        var ready =
            await _process.StandardOutput.ReadLineAsync().WaitAsync(StartsWithin)
            ?? throw new InvalidOperationException($"meshop local ended with status {_process.ExitCode}");
        var kubeconfig = (string)JsonNode.Parse(ready)!["kubeconfig"]!;
        _client = new k8s.Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(kubeconfig));
    }

    /// <summary>Applies manifests, unknown fields refused; the webhooks are asked. A policy that is there is replaced.</summary>
    public async Task ApplyAsync(string yaml)
    {
        var objects = new DynamicClient(new KubernetesTransport(_client!, TimeProvider.System));
        foreach (var entity in ManifestReader.Read(yaml))
        {
            if (PolicyKinds.All.FirstOrDefault(kind => kind.Name == (string)entity["kind"]!) is { } policy)
                await DeleteAsync(policy.Plural, entity["metadata"]!);
            await objects.ApplyAsync(entity, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Brings the sample back, and takes all other policies and pods away.</summary>
    public async Task ResetAsync()
    {
        await DeleteOtherWorkloadsAsync();
        foreach (var plural in PolicyKinds.All.Select(kind => kind.Plural))
        {
            var list = (JsonElement)await _client!.CustomObjects.ListClusterCustomObjectAsync(MeshNames.Group, MeshNames.Version, plural);
            foreach (var policy in JsonNode.Parse(list.GetRawText())!["items"]!.AsArray())
                await DeleteAsync(plural, policy!["metadata"]!);
        }

        var sample = Path.Combine(Document.Root, "samples/canary");
        foreach (var file in Directory.EnumerateFiles(sample, "*.yaml").Order(StringComparer.Ordinal))
            await ApplyAsync(await File.ReadAllTextAsync(file));
    }

    /// <summary>Runs a script as a user of the local mesh would; its exit status and everything that it writes.</summary>
    public async Task<(int Status, string Output)> RunAsync(string script)
    {
        var start = new ProcessStartInfo("bash", ["-euo", "pipefail", "-c", $"exec 2>&1\n{script}"])
        {
            WorkingDirectory = _folder.FullName,
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        };
        start.Environment["PATH"] = $"{Path.Combine(_folder.FullName, "bin")}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["KUBECONFIG"] = Path.Combine(_folder.FullName, ".meshop", "kubeconfig");
        start.Environment["KUBECACHEDIR"] = Path.Combine(_folder.FullName, "kube-cache");
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        timeout.CancelAfter(RunsWithin);
        try
        {
            var output = await process.StandardOutput.ReadToEndAsync(timeout.Token);
            await process.WaitForExitAsync(timeout.Token);
            return (process.ExitCode, output);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Pods of other documents would be counted in the statuses that a document shows.</summary>
    private async Task DeleteOtherWorkloadsAsync()
    {
        foreach (var deployment in (await _client!.AppsV1.ListDeploymentForAllNamespacesAsync()).Items)
        {
            if (!SampleDeployments.Contains(deployment.Metadata.Name))
                await _client.AppsV1.DeleteNamespacedDeploymentAsync(deployment.Metadata.Name, deployment.Metadata.NamespaceProperty);
        }

        foreach (var job in (await _client.BatchV1.ListJobForAllNamespacesAsync()).Items)
            await _client.BatchV1.DeleteNamespacedJobAsync(
                job.Metadata.Name,
                job.Metadata.NamespaceProperty,
                propagationPolicy: "Background"
            );
        foreach (
            var pod in (await _client.CoreV1.ListPodForAllNamespacesAsync()).Items.Where(p =>
                p.Metadata.OwnerReferences is not { Count: > 0 }
            )
        )
            await _client.CoreV1.DeleteNamespacedPodAsync(pod.Metadata.Name, pod.Metadata.NamespaceProperty);
        await Eventually.Succeeds(async () =>
            (await _client.CoreV1.ListPodForAllNamespacesAsync()).Items.ShouldAllBe(pod =>
                SampleDeployments.Any(name => pod.Metadata.Name.StartsWith(name + "-", StringComparison.Ordinal))
            )
        );
    }

    private async Task DeleteAsync(string plural, JsonNode metadata)
    {
        try
        {
            var ns = (string?)metadata["namespace"] ?? "default";
            await _client!.CustomObjects.DeleteNamespacedCustomObjectAsync(
                MeshNames.Group,
                MeshNames.Version,
                ns,
                plural,
                (string)metadata["name"]!
            );
        }
        catch (k8s.Autorest.HttpOperationException e) when (e.Response.StatusCode == System.Net.HttpStatusCode.NotFound)
        {
            // It is not there.
        }
    }

    public async ValueTask DisposeAsync()
    {
        _client?.Dispose();
        if (_process is not null)
        {
            if (!_process.HasExited)
                _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        _folder.Delete(recursive: true);
    }
}
