using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Verdicts;

namespace MeshOperator.Mesh.Translation;

/// <summary>The mesh model of a snapshot, and what was found of each policy.</summary>
public sealed record TranslationResult(MeshModel Model, ImmutableDictionary<PolicyKey, PolicyVerdict> Verdicts);
