using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Local;
using MeshOperator.Local.Node;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalMeshTests;

/// <summary>The folder <c>cluster</c> of each sample, which is for real clusters.</summary>
public sealed partial class ClusterTwinTests
{
    /// <summary>Where the manifests of a sample are that are not in its own folder.</summary>
    private static readonly Dictionary<string, string> Elsewhere = new(StringComparer.Ordinal)
    {
        ["gitops"] = "samples/gitops/overlays/production",
    };

    public static TheoryData<string> Samples =>
        [.. Directory.GetDirectories(Path.Combine(Repository.Root, "samples")).Select(folder => Path.GetFileName(folder)!).Order()];

    [Theory]
    [MemberData(nameof(Samples))]
    public async Task Its_images_are_public_ones_of_a_fixed_version_that_serve_all_declared_ports(string sample)
    {
        var manifests = await BuildAsync(sample);
        var containers = manifests.SelectMany(Containers).ToArray();

        containers.ShouldNotBeEmpty();
        foreach (var container in containers)
        {
            ((string)container["image"]!).ShouldMatch(PublicImage().ToString());
            var arguments = (container["args"] as JsonArray ?? []).Select(argument => (string)argument!).ToArray();
            foreach (var port in container["ports"] as JsonArray ?? [])
                arguments.ShouldContain(argument => argument.EndsWith($"port={port!["containerPort"]}"), $"{sample}: {container["name"]}");
        }
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public async Task Its_policies_are_those_of_the_sample(string sample)
    {
        var policies = Policies(await BuildAsync(sample));

        foreach (var policy in Policies(await OwnAsync(sample)))
            policies.ShouldContain(policy);
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public async Task A_mesh_takes_it_as_it_is(string sample)
    {
        var manifests = await Kustomize.BuildAsync($"samples/{sample}/cluster");
        await using var mesh = await RunningMesh.StartAsync(ProxyChoice.BuiltIn);

        await mesh.ApplyYamlAsync(manifests);

        (await mesh.ViewAsync()).Policies.ShouldNotBeEmpty();
        mesh.Reports.ShouldBeEmpty();
    }

    private static async Task<IReadOnlyList<JsonObject>> BuildAsync(string sample) =>
        [.. ManifestReader.Read(await Kustomize.BuildAsync($"samples/{sample}/cluster"))];

    private static async Task<IReadOnlyList<JsonObject>> OwnAsync(string sample) =>
        Elsewhere.TryGetValue(sample, out var folder)
            ? [.. ManifestReader.Read(await Kustomize.BuildAsync(folder))]
            : [.. ManifestFiles.Read([Path.Combine(Repository.Root, "samples", sample)]).Select(manifest => manifest.Object)];

    private static IReadOnlyList<string> Policies(IEnumerable<JsonObject> manifests) =>
        [
            .. manifests
                .Where(manifest => PolicyKinds.All.Any(kind => kind.Name == (string)manifest["kind"]!))
                .Select(manifest => $"{manifest["kind"]} {manifest["metadata"]!["name"]} {Sorted(manifest["spec"])!.ToJsonString()}"),
        ];

    private static JsonNode? Sorted(JsonNode? node) =>
        node switch
        {
            JsonObject map => new JsonObject(
                map.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => KeyValuePair.Create(entry.Key, Sorted(entry.Value)))
            ),
            JsonArray list => new JsonArray([.. list.Select(Sorted)]),
            _ => node?.DeepClone(),
        };

    private static IEnumerable<JsonNode> Containers(JsonObject manifest)
    {
        var pod = (string)manifest["kind"]! == "Pod" ? manifest["spec"] : manifest["spec"]?["template"]?["spec"];
        return (pod?["containers"] as JsonArray ?? []).Select(container => container!);
    }

    [GeneratedRegex(@"^(registry\.k8s\.io|docker\.io)/[a-z0-9./-]+:[0-9]+\.[0-9]+[a-z0-9.-]*$")]
    private static partial Regex PublicImage();
}
