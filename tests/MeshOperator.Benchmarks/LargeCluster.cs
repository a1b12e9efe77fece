using System.Globalization;
using System.Text;
using k8s;
using k8s.Models;
using MeshOperator.Checks;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Local;
using MeshOperator.LocalCluster;

namespace MeshOperator.Benchmarks;

/// <summary>An API server in a process of its own, so that the operator's can be measured alone: services <c>s0</c>, <c>s1</c>, … in the
/// namespace <c>big</c>, behind each so many of the injected pods <c>pod-0</c>, <c>pod-1</c>, …, and a split of <c>s0</c>.</summary>
internal static class LargeCluster
{
    /// <summary>Where services and pods are.</summary>
    public const string Namespace = "big";

    /// <summary>The operator's.</summary>
    public const string OperatorNamespace = "mesh-system";

    private const int Writers = 4;

    private const string Split = """
        apiVersion: meshoperator.io/v1alpha1
        kind: TrafficSplit
        metadata: {name: t, namespace: big}
        spec: {service: s0, backends: [{service: s1, weight: 90}, {service: s2, weight: 10}]}
        """;

    /// <summary>Fills the cluster, then writes the administrator's kubeconfig, and serves until the process is ended.</summary>
    /// <param name="kubeconfig">The file; it is there when the cluster is complete.</param>
    /// <param name="services">How many services.</param>
    /// <param name="endpoints">How many pods behind each.</param>
    public static async Task ServeAsync(string kubeconfig, int services, int endpoints)
    {
        await using var server = await ApiServer.StartAsync(new LocalClusterOptions { WorkloadControllers = false });
        using var client = new k8s.Kubernetes(
            await KubernetesClientConfiguration.BuildConfigFromConfigFileAsync(new MemoryStream(Encoding.UTF8.GetBytes(server.Kubeconfig)))
        );
        await FillAsync(client, services, endpoints);
        await File.WriteAllTextAsync(kubeconfig, server.Kubeconfig);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System);
    }

    /// <summary>Makes the definitions, namespaces and objects.</summary>
    /// <param name="client">To the API server.</param>
    /// <param name="services">How many services.</param>
    /// <param name="endpoints">How many pods behind each.</param>
    public static async Task FillAsync(k8s.Kubernetes client, int services, int endpoints)
    {
        var objects = new DynamicClient(new KubernetesTransport(client, TimeProvider.System));
        foreach (var crd in EmbeddedCrds.Read())
            await objects.ApplyAsync(crd, CancellationToken.None);
        foreach (var name in new[] { OperatorNamespace, Namespace })
            await client.CoreV1.CreateNamespaceAsync(new V1Namespace { Metadata = new V1ObjectMeta { Name = name } });
        var injector = new SidecarInjector(new InjectionOptions());
        await EachAsync(services, s => client.CoreV1.CreateNamespacedServiceAsync(Service(s), Namespace));
        await EachAsync(services, s => client.DiscoveryV1.CreateNamespacedEndpointSliceAsync(Slice(s, services, endpoints), Namespace));
        await EachAsync(
            services * endpoints,
            p =>
            {
                var pod = SamplePod.Create(PodName(p), Name(p % services), variables: 12);
                injector.Inject(pod, Namespace);
                return client.CoreV1.CreateNamespacedPodAsync(pod, Namespace);
            }
        );
        foreach (var split in ManifestReader.Read(Split))
            await objects.ApplyAsync(split, CancellationToken.None);
    }

    /// <summary>Writes the status of each pod that <see cref="FillAsync"/> has made, as a node does once its containers run.</summary>
    /// <param name="client">To the API server.</param>
    /// <param name="services">How many services.</param>
    /// <param name="endpoints">How many pods behind each.</param>
    public static Task RunPodsAsync(k8s.Kubernetes client, int services, int endpoints) =>
        EachAsync(
            services * endpoints,
            p =>
                client.CoreV1.PatchNamespacedPodStatusAsync(
                    new V1Patch(new { status = SamplePod.Running(Address(p % services, p / services)) }, V1Patch.PatchType.MergePatch),
                    PodName(p),
                    Namespace
                )
        );

    private static Task EachAsync(int count, Func<int, Task> create) =>
        Parallel.ForEachAsync(
            Enumerable.Range(0, count),
            new ParallelOptions { MaxDegreeOfParallelism = Writers },
            async (i, _) => await create(i)
        );

    private static string Name(int service) => string.Create(CultureInfo.InvariantCulture, $"s{service}");

    private static string PodName(int pod) => string.Create(CultureInfo.InvariantCulture, $"pod-{pod}");

    private static string Address(int service, int endpoint) =>
        string.Create(CultureInfo.InvariantCulture, $"10.{service / 250}.{service % 250}.{endpoint + 1}");

    private static V1Service Service(int service) =>
        new()
        {
            Metadata = new V1ObjectMeta { Name = Name(service) },
            Spec = new V1ServiceSpec
            {
                Selector = new Dictionary<string, string> { ["app"] = Name(service) },
                Ports =
                [
                    new V1ServicePort
                    {
                        Name = "http",
                        Port = 80,
                        TargetPort = 8080,
                    },
                ],
            },
        };

    private static V1EndpointSlice Slice(int service, int services, int endpoints) =>
        new()
        {
            Metadata = new V1ObjectMeta
            {
                Name = Name(service),
                Labels = new Dictionary<string, string> { ["kubernetes.io/service-name"] = Name(service) },
            },
            AddressType = "IPv4",
            Ports =
            [
                new Discoveryv1EndpointPort
                {
                    Name = "http",
                    Port = 8080,
                    Protocol = "TCP",
                },
            ],
            Endpoints =
            [
                .. Enumerable
                    .Range(0, endpoints)
                    .Select(e => new V1Endpoint
                    {
                        Addresses = [Address(service, e)],
                        Conditions = new V1EndpointConditions { Ready = true },
                        TargetRef = new V1ObjectReference
                        {
                            Kind = "Pod",
                            Name = PodName(service + (e * services)),
                            NamespaceProperty = Namespace,
                        },
                    }),
            ],
        };
}
