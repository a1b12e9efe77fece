using MeshOperator.Mesh.Translation;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Shared;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Goldens;

/// <summary>What users apply, and the configuration sent to proxies: the cases of <c>tests/testdata/translation</c>.</summary>
public sealed class TranslationGoldens : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mesh-golden-");

    public static TheoryData<string> Cases => [.. GoldenCase.Names];

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_case_becomes_what_its_out_folder_shows(string name)
    {
        var golden = new GoldenCase(name);
        var (result, configuration) = Translate(golden);
        golden.Compare(new GoldenOutput(result, configuration).Files(golden));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_case_becomes_the_same_in_whatever_order_its_objects_are_known(string name)
    {
        var golden = new GoldenCase(name);
        var first = Bytes(Translate(golden));
        for (var order = 1; order <= 4; order++)
            Bytes(Translate(golden, order)).ShouldBe(first);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Envoys_definitions_accept_all_that_a_case_becomes(string name)
    {
        var golden = new GoldenCase(name);
        var (_, configuration) = Translate(golden);
        foreach (var resources in Views(configuration))
            await ValidateAsync(resources);

        // Deprecated are total_weight and the header matches that older gRPC does not do without.
        if (golden.Show.Contains(GoldenOutput.ProxylessOutput))
            await ValidateAsync(Items(configuration.Proxyless.Value.Shared), "--ignore", "DEPRECATED_FIELD");
    }

    private async Task ValidateAsync(IEnumerable<XdsResource> resources, params string[] options)
    {
        // A delta response is a sequence of such fields, so their bytes one after another are one.
        var path = Path.Combine(_folder.FullName, "resources.binpb");
        await File.WriteAllBytesAsync(path, [.. resources.SelectMany(r => r.DeltaField.ToArray())], TestContext.Current.CancellationToken);
        var (status, output) = await XdsCheck.ValidateAsync(["--strict", "--from", path, .. options]);
        status.ShouldBe(0, output);
    }

    private static (TranslationResult Result, EnvoyConfiguration Configuration) Translate(GoldenCase golden, int order = 0)
    {
        var result = Translator.Translate(ManifestCluster.Read(golden.Manifests, golden.Settings).Snapshot().InOrder(order));
        return (result, new EnvoyTranslator(golden.Settings.Telemetry, golden.Settings.HeaderCase).Translate(result.Model));
    }

    /// <summary>The verdicts, and each resource with its version, which is a hash of its bytes.</summary>
    private static string Bytes((TranslationResult Result, EnvoyConfiguration Configuration) translation)
    {
        var verdicts = translation.Result.Verdicts.Select(v => $"{v.Key} {v.Value}").Order(StringComparer.Ordinal);
        var shared = Items(translation.Configuration.Shared)
            .Concat(Items(translation.Configuration.Proxyless.Value.Shared))
            .Select(r => r.ToString());
        var nodes = translation
            .Configuration.Nodes.OrderBy(n => n.Key.NodeId, StringComparer.Ordinal)
            .SelectMany(n =>
                new[] { n.Value.Identity }
                    .Concat(Own(n.Value.Own).Concat(Items(translation.Configuration.FindShared(n.Value))).Select(r => $"{n.Key} {r}"))
                    .Concat(n.Value.Own.Callers.Select(callers => $"{n.Key} {callers.Name} {callers.Id}"))
                    .Append($"{n.Key} {n.Value.Members.Version}")
            );
        return string.Join('\n', [.. verdicts, .. shared, .. nodes]);
    }

    /// <summary>All that one proxy is sent, for each different one; without proxies what is shared, as that must be looked at in any
    /// case.</summary>
    private static IEnumerable<IEnumerable<XdsResource>> Views(EnvoyConfiguration configuration) =>
        configuration.Nodes.Count == 0
            ? [Items(configuration.Shared)]
            : configuration
                .Nodes.Values.DistinctBy(node => (node.Own, node.Scope, node.Members))
                .Select(node => Items(configuration.FindShared(node)).Concat(Own(node.Own)).Concat(node.Members.Items.ToArray()));

    private static IEnumerable<XdsResource> Items(IEnumerable<ResourceSet> sets) => sets.SelectMany(set => set.Items.ToArray());

    private static IEnumerable<XdsResource> Own(ProxyResources own) =>
        Enum.GetValues<ResourceType>().SelectMany(type => own[type].Items.ToArray());
}
