using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using k8s;
using k8s.Models;
using Shouldly;

namespace MeshOperator.Injection.Tests;

/// <summary>A pod to which the sidecar was added, and what tests look at in it.</summary>
internal sealed partial class InjectedPod
{
    private InjectedPod(V1Pod pod, InjectionOutcome outcome) => (Pod, Outcome) = (pod, outcome);

    public V1Pod Pod { get; }

    public InjectionOutcome Outcome { get; }

    /// <summary>The proxy's configuration as the kubelet hands it over, in a pod with the address 10.0.0.7.</summary>
    public JsonObject Bootstrap => (JsonObject)JsonNode.Parse(Expand(Proxy(Pod).Args[1]))!;

    /// <summary>Of the listener for probes its connection manager.</summary>
    public JsonNode ProbeManager =>
        Bootstrap["static_resources"]!["listeners"]!.AsArray().Single(l => (string)l!["name"]! == "probes")!["filter_chains"]![0]![
            "filters"
        ]![0]!["typed_config"]!;

    public static InjectedPod From(string yaml, InjectionOptions? options = null)
    {
        var result = Try(yaml, options);
        result.Outcome.IsInjected.ShouldBeTrue(result.Outcome.Reason);
        return result;
    }

    public static InjectedPod Try(string yaml, InjectionOptions? options = null)
    {
        var pod = KubernetesYaml.Deserialize<V1Pod>(yaml);
        return new InjectedPod(
            pod,
            new SidecarInjector(options ?? new InjectionOptions { KubernetesVersion = new KubernetesVersion(1, 33) }).Inject(pod, "shop")
        );
    }

    public static V1Container Proxy(V1Pod pod) =>
        pod.Spec.Containers.Concat(pod.Spec.InitContainers ?? []).Single(c => c.Name == "mesh-proxy");

    public V1Container Container(string name) => Pod.Spec.Containers.Concat(Pod.Spec.InitContainers ?? []).Single(c => c.Name == name);

    public JsonNode Cluster(string name) => Bootstrap["static_resources"]!["clusters"]!.AsArray().Single(c => (string)c!["name"]! == name)!;

    public JsonNode Route(string path) =>
        ProbeManager["route_config"]!["virtual_hosts"]![0]!["routes"]!.AsArray().Single(r => (string?)r!["match"]!["path"] == path)!;

    /// <summary>References in arguments as Kubernetes documents them: <c>$(NAME)</c> is replaced, <c>$$</c> is a dollar sign.</summary>
    public static string Expand(string argument) =>
        Reference()
            .Replace(
                argument,
                match =>
                    match.Value switch
                    {
                        "$$" => "$",
                        "$(POD_NAME)" => "web-0",
                        "$(POD_UID)" => "uid-0",
                        "$(POD_IP)" => "10.0.0.7",
                        _ => match.Value,
                    }
            );

    [GeneratedRegex(@"\$\$|\$\([A-Z_]+\)")]
    private static partial Regex Reference();
}
