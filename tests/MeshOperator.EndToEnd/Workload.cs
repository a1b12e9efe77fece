using System.Globalization;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;

namespace MeshOperator.EndToEnd;

/// <summary>A port of a Service, and which of the application's ports it leads to.</summary>
/// <param name="Name">The port's name, by which the mesh knows its protocol.</param>
/// <param name="Number">The Service's port.</param>
/// <param name="Target">One of <see cref="ApplicationPort"/>.</param>
/// <param name="AppProtocol">The field of that name; null for none.</param>
internal sealed record Port(string Name, int Number, int Target, string? AppProtocol = null)
{
    public static Port Http { get; } = new("http", 80, ApplicationPort.Http);

    public static Port Grpc { get; } = new("grpc", 9090, ApplicationPort.Http2);

    public static Port Recorder { get; } = new("http-recorder", 81, ApplicationPort.Recorder);

    public static Port SingleThreaded { get; } = new("http-single", 83, ApplicationPort.SingleThreaded);

    public static Port Frames { get; } = new("http2-frames", 82, ApplicationPort.Frames);

    public static Port Tls { get; } = new("https", 443, ApplicationPort.Tls);

    public static Port Echo { get; } = new("tcp-echo", 7, ApplicationPort.Echo);

    public static Port MySql { get; } = new("mysql", 3306, ApplicationPort.SpeaksFirst);
}

/// <summary>What a workload is like.</summary>
/// <param name="Name">The name of its Deployment and Service, and the label <c>app</c>.</param>
internal sealed record WorkloadSpec(string Name)
{
    public int Replicas { get; init; } = 1;

    /// <summary>The label <c>version</c>, which answers carry; by default the name.</summary>
    public string Version { get; init; } = string.Empty;

    public bool IsMeshed { get; init; } = true;

    /// <summary>A service account of its own; null for the namespace's.</summary>
    public string? Account { get; init; }

    public IReadOnlyList<Port> Ports { get; init; } = [Port.Http];

    /// <summary>Further labels of the pods.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Annotations of the pods.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();

    /// <summary>Further fields of the pods' spec, such as <c>terminationGracePeriodSeconds</c>.</summary>
    public JsonObject PodSpec { get; init; } = [];

    /// <summary>Further fields of the application's container, such as <c>lifecycle</c> or <c>readinessProbe</c>.</summary>
    public JsonObject Container { get; init; } = [];

    /// <summary>The Deployment's <c>strategy</c>.</summary>
    public JsonObject? Strategy { get; init; }

    /// <summary>Whether it has a Service of its name.</summary>
    public bool HasService { get; init; } = true;
}

/// <summary>A Deployment of the tests' application.</summary>
internal sealed class Workload(TestNamespace ns, WorkloadSpec spec) : IDisposable
{
    private static readonly TimeSpan ReadyWithin = TimeSpan.FromSeconds(90);
    private readonly Dictionary<RunningPod, Client> _clients = [];

    public string Name => spec.Name;

    /// <summary>Its pods that run and are not ending, by name.</summary>
    public IReadOnlyList<RunningPod> Pods =>
        [
            .. ns
                .Pods.Where(p => !p.IsEnding && p.Pod.Metadata.Labels.TryGetValue("app", out var app) && app == spec.Name)
                .OrderBy(p => p.Name, StringComparer.Ordinal),
        ];

    /// <summary>The client in its first pod.</summary>
    public Client Client => FindClient(Pods[0]);

    /// <summary>The client in one of its pods.</summary>
    public Client FindClient(RunningPod pod)
    {
        lock (_clients)
            return _clients.TryGetValue(pod, out var client) ? client : _clients[pod] = new Client(pod, ns.Mesh.Names);
    }

    public async Task CreateAsync()
    {
        if (spec.Account is not null)
            await ns.Mesh.ApplyAsync($"{{apiVersion: v1, kind: ServiceAccount, metadata: {{name: {spec.Account}, namespace: {ns.Name}}}}}");
        if (spec.HasService)
            await ns.ServiceAsync(spec.Name, spec.Name, headless: false, [.. spec.Ports]);
        await ns.Mesh.ApplyAsync(Deployment());
        await WaitUntilReadyAsync(spec.Replicas);
    }

    /// <summary>Changes the number of pods and waits until all are ready and none is too many.</summary>
    public async Task ScaleAsync(int replicas)
    {
        await PatchAsync(new JsonObject { ["spec"] = new JsonObject { ["replicas"] = replicas } });
        await WaitUntilReadyAsync(replicas);
    }

    /// <summary>Replaces all pods as <c>kubectl rollout restart</c> does, and waits until the new ones are ready and the old ones
    /// gone.</summary>
    public async Task RestartAsync(TimeSpan? within = null)
    {
        RunningPod[] old = [.. Pods];
        var now = TimeProvider.System.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);
        var annotations = new JsonObject { ["kubectl.kubernetes.io/restartedAt"] = now };
        var template = new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = annotations } };
        await PatchAsync(new JsonObject { ["spec"] = new JsonObject { ["template"] = template } });
        await Eventually.Succeeds(
            () =>
            {
                if (old.Count(p => !p.Ended.IsCompleted) is var left and > 0)
                    throw new TimeoutException($"{left} of {old.Length} old pods of {Name} are left: {Describe()}");
            },
            within ?? ReadyWithin
        );
        await WaitUntilReadyAsync(Pods.Count);
    }

    /// <summary>Deletes one pod, as a drain of its node would; the Deployment makes another.</summary>
    public Task DeletePodAsync(RunningPod pod) =>
        ns.Mesh.Entities<V1Pod>().DeleteAsync(new ObjectKey(ns.Name, pod.Name), CancellationToken.None);

    public async Task DeleteAsync()
    {
        RunningPod[] old = [.. Pods];
        await ns.Mesh.Entities<V1Deployment>().DeleteAsync(new ObjectKey(ns.Name, Name), CancellationToken.None);
        await Task.WhenAll(old.Select(p => p.Ended)).WaitAsync(ReadyWithin);
    }

    public Task WaitUntilReadyAsync(int replicas) =>
        Eventually.Succeeds(
            () =>
            {
                var pods = ns
                    .Mesh.View.Pods.Objects.Values.Where(p =>
                        p.Metadata.NamespaceProperty == ns.Name
                        && p.Metadata.DeletionTimestamp is null
                        && p.Metadata.Labels.TryGetValue("app", out var app)
                        && app == Name
                    )
                    .ToList();
                var ready = pods.Count(p => p.IsReady());
                if (pods.Count != replicas || ready != replicas)
                    throw new TimeoutException(
                        $"{Name} has {pods.Count} pods, {ready} of them ready, and should have {replicas}: {Describe()}"
                    );
                if (spec.HasService && ns.Mesh.Names.Endpoints(new ObjectKey(ns.Name, Name)).Count() != replicas)
                    throw new TimeoutException($"{Name} has not {replicas} endpoints");
            },
            ReadyWithin
        );

    /// <summary>A Service as a manifest.</summary>
    public static JsonObject Service(string ns, string name, string app, bool headless, IReadOnlyList<Port> ports)
    {
        var service = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Service",
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = ns },
            ["spec"] = new JsonObject
            {
                ["selector"] = new JsonObject { ["app"] = app },
                ["ports"] = new JsonArray([.. (ports.Count == 0 ? [Port.Http] : ports).Select(ServicePort)]),
            },
        };
        if (headless)
            service["spec"]!["clusterIP"] = "None";
        return service;
    }

    public void Dispose()
    {
        lock (_clients)
            foreach (var client in _clients.Values)
                client.Dispose();
    }

    private string Describe() =>
        string.Join(
            "; ",
            Pods.Select(p => $"{p.Name} {(p.Proxy is { } proxy ? string.Join(" | ", proxy.Log.TakeLast(5)) : "has no proxy yet")}")
        );

    private Task PatchAsync(JsonObject patch) =>
        ns.Mesh.Entities<V1Deployment>().MergePatchAsync(new ObjectKey(ns.Name, Name), patch, CancellationToken.None);

    private JsonObject Deployment()
    {
        var labels = new JsonObject { ["app"] = Name, ["version"] = spec.Version.Length > 0 ? spec.Version : Name };
        if (!spec.IsMeshed)
            labels["meshoperator.io/inject"] = "false";
        foreach (var (name, value) in spec.Labels)
            labels[name] = value;
        var container = (JsonObject)spec.Container.DeepClone();
        container["name"] = "app";
        container["image"] = "registry.example.com/app:1";
        container["ports"] = new JsonArray([
            .. spec.Ports.Select(p => p.Target).Distinct().Select(p => new JsonObject { ["containerPort"] = p }),
        ]);
        var pod = (JsonObject)spec.PodSpec.DeepClone();
        pod["containers"] = new JsonArray(container);
        if (spec.Account is not null)
            pod["serviceAccountName"] = spec.Account;
        var made = new JsonObject
        {
            ["apiVersion"] = "apps/v1",
            ["kind"] = "Deployment",
            ["metadata"] = new JsonObject { ["name"] = Name, ["namespace"] = ns.Name },
            ["spec"] = new JsonObject
            {
                ["replicas"] = spec.Replicas,
                ["selector"] = new JsonObject { ["matchLabels"] = new JsonObject { ["app"] = Name } },
                ["template"] = new JsonObject
                {
                    ["metadata"] = new JsonObject
                    {
                        ["labels"] = labels,
                        ["annotations"] = new JsonObject(spec.Annotations.Select(a => KeyValuePair.Create(a.Key, (JsonNode?)a.Value))),
                    },
                    ["spec"] = pod,
                },
            },
        };
        if (spec.Strategy is not null)
            made["spec"]!["strategy"] = spec.Strategy.DeepClone();
        return made;
    }

    private static JsonObject ServicePort(Port port)
    {
        var made = new JsonObject
        {
            ["name"] = port.Name,
            ["port"] = port.Number,
            ["targetPort"] = port.Target,
        };
        if (port.AppProtocol is not null)
            made["appProtocol"] = port.AppProtocol;
        return made;
    }
}
