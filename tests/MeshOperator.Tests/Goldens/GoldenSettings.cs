using System.CommandLine;
using MeshOperator.Commands;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Settings;
using MeshOperator.Xds.Translation.Shared;
using MeshOperator.Xds.Translation.Telemetry;

namespace MeshOperator.Tests.Goldens;

/// <summary>What users set of a mesh besides manifests, by lines at the top of a case: <c># access-log: Errors</c>,
/// <c># tracing: collector.observability.svc:4317</c>, <c># tracing-sampling: 10</c>, <c># header-case: Lower</c> and
/// <c># default-upstreams: Namespace</c> are options of the operator; <c># pod-families: IPv4, IPv6</c> is what the cluster's network gives
/// to pods, only IPv4 without it.</summary>
internal sealed record GoldenSettings(
    TelemetrySettings Telemetry,
    HeaderCase HeaderCase,
    bool IsScopedToNamespace,
    IReadOnlyList<string> PodFamilies
)
{
    /// <summary>Reads the options as the command line does.</summary>
    /// <exception cref="ManifestException">One of them is not valid.</exception>
    public static GoldenSettings Read(GoldenDirectives directives)
    {
        var telemetry = new TelemetryOptions();
        var upstreams = UpstreamsOption.Create();
        var headerCase = HeaderCaseOption.Create();
        var command = new Command("golden") { Options = { upstreams, headerCase } };
        telemetry.AddTo(command);
        var parsed = command.Parse([
            .. Option("access-log", "--access-log"),
            .. Option("tracing", "--tracing-endpoint"),
            .. Option("tracing-sampling", "--tracing-sampling"),
            .. Option("default-upstreams", "--default-upstreams"),
            .. Option("header-case", "--header-case"),
        ]);
        if (parsed.Errors.Count > 0)
            throw new ManifestException(string.Join("; ", parsed.Errors.Select(error => error.Message)));
        var families = directives.List("pod-families");
        return new GoldenSettings(
            telemetry.Read(parsed),
            parsed.GetValue(headerCase),
            parsed.GetValue(upstreams) is DefaultUpstreams.Namespace,
            families.Count == 0 ? ["IPv4"] : families
        );

        IEnumerable<string> Option(string directive, string option) => directives.Value(directive) is { } value ? [option, value] : [];
    }
}
