using BenchmarkDotNet.Attributes;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Benchmarks;

/// <summary>A snapshot's way to Envoy's resources: all of it from nothing, and after one change with the result before at hand.</summary>
[MemoryDiagnoser]
public class Translation
{
    private readonly MeshTranslator _mesh = new();
    private readonly EnvoyTranslator _envoy = new();
    private ClusterSnapshot _snapshot = ClusterSnapshot.Empty;
    private int _changes;

    /// <summary>How many services there are, of two ports each.</summary>
    [Params(1_000)]
    public int Services { get; set; }

    /// <summary>How many meshed endpoints each service has.</summary>
    [Params(10)]
    public int Endpoints { get; set; }

    /// <summary>Makes the cluster and translates it once.</summary>
    /// <exception cref="InvalidOperationException">A policy of it has no effect, so that nothing of worth would be measured.</exception>
    [GlobalSetup]
    public void Prepare()
    {
        _snapshot = LargeMesh.Snapshot(Services, Endpoints);
        var refused = Translator.Translate(_snapshot).Verdicts.FirstOrDefault(v => !v.Value.Accepted.Holds || !v.Value.ResolvedRefs.Holds);
        if (refused.Value is not null)
            throw new InvalidOperationException($"{refused.Key}: {refused.Value.Accepted.Message} {refused.Value.ResolvedRefs.Message}");
        Translate(_mesh, _envoy, _snapshot);
    }

    /// <summary>As when the operator starts.</summary>
    [Benchmark]
    public EnvoyConfiguration FromNothing() => Translate(new MeshTranslator(), new EnvoyTranslator(), _snapshot);

    /// <summary>As when a user moves a split on.</summary>
    [Benchmark]
    public EnvoyConfiguration OneWeightChanged() => Translate(_mesh, _envoy, LargeMesh.WithWeight(_snapshot, 1 + (_changes++ % 99)));

    /// <summary>As when a pod becomes ready.</summary>
    [Benchmark]
    public EnvoyConfiguration OneEndpointChanged() =>
        Translate(_mesh, _envoy, LargeMesh.WithReadiness(_snapshot, isReady: _changes++ % 2 == 0));

    /// <summary>As when a namespace becomes strict.</summary>
    [Benchmark]
    public EnvoyConfiguration OneModeChanged() => Translate(_mesh, _envoy, LargeMesh.WithMode(_snapshot, isStrict: _changes++ % 2 == 0));

    /// <summary>The part of <see cref="OneWeightChanged"/> that makes the mesh model.</summary>
    [Benchmark]
    public TranslationResult OneWeightChangedModelOnly() => _mesh.Translate(LargeMesh.WithWeight(_snapshot, 1 + (_changes++ % 99)));

    private static EnvoyConfiguration Translate(MeshTranslator mesh, EnvoyTranslator envoy, ClusterSnapshot snapshot) =>
        envoy.Translate(mesh.Translate(snapshot).Model);
}
