using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Turns a snapshot of the cluster into the mesh model and says what became of each policy. Pure: equal snapshots give
/// equal results.</summary>
public static class Translator
{
    /// <summary>Translates a snapshot, as <see cref="MeshTranslator"/> does that remembers nothing.</summary>
    public static TranslationResult Translate(ClusterSnapshot snapshot) => new MeshTranslator().Translate(snapshot);
}
