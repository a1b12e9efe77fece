using System.Reflection;
using System.Text.Json.Nodes;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Checks;

/// <summary>The CRDs as they are in <c>crds/</c>, carried in the executable.</summary>
internal static class EmbeddedCrds
{
    public static IEnumerable<JsonObject> Read()
    {
        var assembly = Assembly.GetExecutingAssembly();
        foreach (
            var name in assembly
                .GetManifestResourceNames()
                .Where(n => n.StartsWith("crds/", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
        )
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            foreach (var crd in ManifestReader.Read(reader.ReadToEnd()))
                yield return crd;
        }
    }
}
