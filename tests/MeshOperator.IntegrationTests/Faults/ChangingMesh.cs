using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using Xunit;

namespace MeshOperator.IntegrationTests.Faults;

/// <summary>Up to 500 objects of a mesh, which come, change and go at random: services, their endpoint slices and pods, and traffic
/// splits between them.</summary>
internal sealed class ChangingMesh(TestCluster cluster, string @namespace, Random random)
{
    private const int Services = 110;
    private const int Splits = 30;
    private const int PodsOfService = 2;
    private const int Objects = Services + Services + (Services * PodsOfService) + Splits + 30;
    private readonly DynamicClient _objects = new(cluster.Transport);

    /// <summary>How many writes the API server took.</summary>
    public int Written { get; private set; }

    /// <summary>How many writes failed, by fault.</summary>
    public int Refused { get; private set; }

    /// <summary>The names that routes and endpoints of the services have in xDS.</summary>
    public IEnumerable<string> Names => Enumerable.Range(0, Services).Select(i => $"outbound/80/s{i}.{@namespace}");

    /// <summary>Creates most of the objects.</summary>
    public async Task FillAsync()
    {
        for (var i = 0; i < Objects; i++)
            if (random.Next(10) > 0)
                await TryAsync(() => PutAsync(i));
    }

    /// <summary>Creates, changes or deletes one object.</summary>
    public Task ChangeAsync()
    {
        var slot = random.Next(Objects);
        return TryAsync(() => random.Next(4) == 0 ? DeleteAsync(slot) : PutAsync(slot));
    }

    private async Task TryAsync(Func<Task> write)
    {
        try
        {
            await write();
            Written++;
        }
        catch (Exception e)
            when (e is HttpRequestException or TimeoutException
                || e
                    is KubernetesApiException
                    {
                        StatusCode: HttpStatusCode.Conflict or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError
                    }
            )
        {
            Refused++;
        }
    }

    private async Task PutAsync(int slot)
    {
        var (kind, index) = Kind(slot);
        var cancellation = TestContext.Current.CancellationToken;
        if (kind != "Pod")
        {
            await _objects.ApplyAsync(Content(kind, index), cancellation);
            return;
        }

        // A pod's containers are fixed once the webhook has added the sidecar: only its labels change.
        var pod = KubernetesJson.Deserialize<V1Pod>(Content(kind, index).ToJsonString());
        try
        {
            await cluster.Entities<V1Pod>().CreateAsync(pod, cancellation);
        }
        catch (KubernetesApiException e) when (e.Reason == "AlreadyExists")
        {
            var labels = new JsonObject([.. pod.Metadata.Labels.Select(l => KeyValuePair.Create(l.Key, (JsonNode?)l.Value))]);
            await cluster
                .Entities<V1Pod>()
                .MergePatchAsync(
                    ObjectKey.From(pod),
                    new JsonObject { ["metadata"] = new JsonObject { ["labels"] = labels } },
                    cancellation
                );
        }
    }

    private Task DeleteAsync(int slot)
    {
        var (kind, index) = Kind(slot);
        ObjectKey Key(string name) => new(@namespace, name);
        var cancellation = TestContext.Current.CancellationToken;
        return kind switch
        {
            "Service" => cluster.Entities<V1Service>().DeleteAsync(Key($"s{index}"), cancellation),
            "EndpointSlice" => cluster.Entities<V1EndpointSlice>().DeleteAsync(Key($"s{index}-1"), cancellation),
            "TrafficSplit" => cluster.Entities<TrafficSplit>().DeleteAsync(Key($"t{index}"), cancellation),
            _ => cluster.Entities<V1Pod>().DeleteAsync(Key(PodName(index)), cancellation),
        };
    }

    private static (string Kind, int Index) Kind(int slot) =>
        slot switch
        {
            < Services => ("Service", slot),
            < Services * 2 => ("EndpointSlice", slot - Services),
            < (Services * 2) + Splits => ("TrafficSplit", slot - (Services * 2)),
            _ => ("Pod", slot - (Services * 2) - Splits),
        };

    private static string PodName(int index) => string.Create(CultureInfo.InvariantCulture, $"p{index}");

    private JsonObject Content(string kind, int index)
    {
        var ready = random.Next(3) > 0 ? "true" : "false";
        var yaml = kind switch
        {
            "Service" => $$$"""
                apiVersion: v1
                kind: Service
                metadata: {name: s{{{index}}}, namespace: {{{@namespace}}}}
                spec: {selector: {app: s{{{index}}}}, ports: [{name: http, port: 80, targetPort: {{{8080 + random.Next(3)}}}}]}
                """,
            "EndpointSlice" =>
                $$$"""
                apiVersion: discovery.k8s.io/v1
                kind: EndpointSlice
                metadata: {name: s{{{index}}}-1, namespace: {{{@namespace}}}, labels: {kubernetes.io/service-name: s{{{index}}} } }
                addressType: IPv4
                ports: [{name: http, port: 8080, protocol: TCP}]
                endpoints:
                - {addresses: [10.2.{{{index}}}.{{{random.Next(
                    1,
                    250
                )}}}], conditions: {ready: {{{ready}}}}, targetRef: {kind: Pod, name: {{{PodName(
                    index * PodsOfService
                )}}}, namespace: {{{@namespace}}} } }
                """,
            "TrafficSplit" =>
                $$$"""
                apiVersion: meshoperator.io/v1alpha1
                kind: TrafficSplit
                metadata: {name: t{{{index}}}, namespace: {{{@namespace}}}}
                spec:
                  service: s{{{index}}}
                  backends: [{service: s{{{Splits + index}}}, weight: {{{random.Next(1, 100)}}}}, {service: s{{{(2 * Splits)
                    + index}}}, weight: {{{random.Next(1, 100)}}}}]
                """,
            _ =>
                $$$"""
                apiVersion: v1
                kind: Pod
                metadata: {name: {{{PodName(index)}}}, namespace: {{{@namespace}}}, labels: {app: s{{{index
                    / PodsOfService}}}, round: "{{{random.Next(1000)}}}"} }
                spec: {containers: [{name: app, image: registry.example.com/app:1}]}
                """,
        };
        return MeshOperator.Kubernetes.Manifests.ManifestReader.Read(yaml).Single();
    }
}
