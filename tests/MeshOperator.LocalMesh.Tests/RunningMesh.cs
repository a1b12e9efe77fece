using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using k8s;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Listeners;
using MeshOperator.Local;
using MeshOperator.Local.Application;
using MeshOperator.Local.Node;
using MeshOperator.Local.Screen;
using MeshOperator.Settings;
using MeshOperator.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;
using InProcess = MeshOperator.Local.LocalMesh;

namespace MeshOperator.LocalMeshTests;

/// <summary>A local mesh with a proxy for each pod, in this process.</summary>
internal sealed class RunningMesh : IAsyncDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly ConcurrentQueue<string> _reports;

    private RunningMesh(InProcess mesh, DirectoryInfo folder, ConcurrentQueue<string> reports) =>
        (Mesh, _folder, _reports) = (mesh, folder, reports);

    public InProcess Mesh { get; }

    /// <summary>Where gRPC libraries find the operator.</summary>
    public string XdsAddress => Mesh.Host.Ports[ListenerKind.PlaintextXds].ToString();

    /// <summary>What went wrong with pods.</summary>
    public IReadOnlyCollection<string> Reports => _reports;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Starts a mesh. Without an Envoy a test that needs one is skipped.</summary>
    public static async Task<RunningMesh> StartAsync(ProxyChoice choice)
    {
        ILocalProxies? proxies =
            choice is ProxyChoice.Envoy ? await EnvoyProxies.FindAsync(null, Cancellation) : new BuiltInProxies(NullLoggerFactory.Instance);
        Assert.SkipWhen(proxies is null, "Envoy was not found: set ENVOY to the program, or put it on the PATH.");
        var reports = new ConcurrentQueue<string>();
        var folder = Directory.CreateTempSubdirectory("meshop-local-");
        var options = new OperatorOptions
        {
            LoopbackOnly = true,
            OwnsProcess = false,
            OwnWebhookConfigurations = true,
            XdsTlsPort = 0,
            XdsPlaintextPort = 0,
            WebhookPort = 0,
            MetricsPort = 0,
            LogLevel = Serilog.Events.LogEventLevel.Error,
            JsonLog = false,
        };
        var mesh = await InProcess.StartAsync(
            new LocalMeshOptions
            {
                Operator = LocalProxyChoice.WithProxies(options),
                Proxies = proxies,
                PodFolder = Path.Combine(folder.FullName, "pods"),
                Report = reports.Enqueue,
            },
            Cancellation
        );
        return new RunningMesh(mesh, folder, reports);
    }

    /// <summary>Applies a folder or a file of the checkout, and waits until all is configured and every policy is acknowledged.</summary>
    public Task ApplyFilesAsync(string path) => ApplyAsync(ManifestFiles.Read([Path.Combine(Repository.Root, path)]));

    /// <summary>Applies manifests, and waits until all is configured and every policy is acknowledged.</summary>
    public Task ApplyYamlAsync(string yaml) => ApplyAsync([.. ManifestReader.Read(yaml).Select(o => new ManifestObject("test", o))]);

    /// <summary>Applies manifests with a policy that is not wholly accepted or not taken by all proxies, and waits until it has a status
    /// and proxies have answered.</summary>
    public async Task<PolicyView> ApplyUnresolvedAsync(string yaml)
    {
        await Mesh.ApplyAsync([.. ManifestReader.Read(yaml).Select(o => new ManifestObject("test", o))], Cancellation);
        PolicyView? policy = null;
        await Eventually.Succeeds(async () =>
        {
            policy = (await ViewAsync()).Policies.Single(policy => policy.Message is not null);
            policy.Message!.ShouldNotStartWith("Pending");
        });
        return policy!;
    }

    /// <summary>Makes requests as a pod of a workload.</summary>
    public async Task<IReadOnlyList<CallResult>> CallAsync(
        string caller,
        string url,
        int number = 1,
        string method = "GET",
        params (string, string)[] headers
    )
    {
        var pod = FindPod(caller);
        using var calls = new OutgoingCalls(pod.Pod.Metadata.NamespaceProperty, pod.Address, traffic: null);
        var results = new ConcurrentBag<CallResult>();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, number),
            new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancellation },
            async (_, stop) => results.Add(await calls.CallAsync(new Uri(url), new HttpMethod(method), headers, stop))
        );
        return [.. results];
    }

    /// <summary>A ready pod of a workload.</summary>
    public LocalPod FindPod(string workload) => Pods(workload)[0];

    /// <summary>The ready pods of a workload.</summary>
    public IReadOnlyList<LocalPod> Pods(string workload) =>
        [
            .. Mesh.Node!.Pods.Where(pod => pod.IsReady && !pod.IsEnding)
                .Where(pod => pod.Pod.Metadata.Name.StartsWith(workload + "-", StringComparison.Ordinal))
                .OrderBy(pod => pod.Name, StringComparer.Ordinal),
        ];

    /// <summary>Deletes a pod of a workload, and waits until nothing of it is left.</summary>
    public async Task<LocalPod> DeletePodAsync(string workload)
    {
        var pod = FindPod(workload);
        await Mesh.Node!.Client.CoreV1.DeleteNamespacedPodAsync(
            pod.Pod.Metadata.Name,
            pod.Pod.Metadata.NamespaceProperty,
            cancellationToken: Cancellation
        );
        await Eventually.Succeeds(() => (pod.IsEnding && pod.Ended.IsCompleted).ShouldBeTrue());
        return pod;
    }

    /// <summary>Removes all policies; proxies hear of it later.</summary>
    public async Task RemovePoliciesAsync()
    {
        foreach (var policy in (await ViewAsync()).Policies)
        {
            var name = policy.Name.Split('/');
            await Mesh.Node!.Client.CustomObjects.DeleteNamespacedCustomObjectAsync(
                "meshoperator.io",
                "v1alpha1",
                name[0],
                PolicyKinds.All.Single(kind => kind.Name == policy.Kind).Plural,
                name[1],
                cancellationToken: Cancellation
            );
        }

        await Mesh.ApplyAsync([], Cancellation);
    }

    public async Task<TrafficSplit> FindSplitAsync(string ns, string name) =>
        (await Splits().GetAsync(new ObjectKey(ns, name), Cancellation)).ShouldNotBeNull();

    /// <summary>Says something to a split's gradual shift.</summary>
    public Task AnnotateSplitAsync(string ns, string name, string command) =>
        Splits()
            .MergePatchAsync(
                new ObjectKey(ns, name),
                new JsonObject
                {
                    ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [Api.MeshNames.ShiftAnnotation] = command } },
                },
                Cancellation
            );

    public Task<MeshView> ViewAsync() => new MeshViewReader(Mesh).ReadAsync(Cancellation);

    public async ValueTask DisposeAsync()
    {
        await Mesh.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private EntityClient<TrafficSplit> Splits() => new(new KubernetesTransport(Mesh.Node!.Client, TimeProvider.System));

    private async Task ApplyAsync(IReadOnlyList<ManifestObject> manifests)
    {
        try
        {
            await Mesh.ApplyAsync(manifests, Cancellation);
        }
        catch (ManifestException e)
        {
            throw new ManifestException(string.Join('\n', [e.Message, .. Reports]), e);
        }

        await Eventually.Succeeds(async () =>
        {
            var view = await ViewAsync();
            view.Policies.ShouldAllBe(policy => policy.Accepted == "True" && policy.Programmed == "True");
            view.Pods.ShouldAllBe(pod => pod.State == "ready");
        });
    }
}
