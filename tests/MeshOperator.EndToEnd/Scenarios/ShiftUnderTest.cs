using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MeshOperator.Testing;
using Shouldly;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>A TrafficSplit with a gradual shift to <c>canary</c>, and what its status says.</summary>
/// <param name="mesh">The mesh.</param>
/// <param name="ns">The namespace of the split and its services.</param>
/// <param name="service">The service whose traffic is split, and the name of the split.</param>
internal sealed class ShiftUnderTest(TestMesh mesh, TestNamespace ns, string service)
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(90);

    /// <summary>Applies the split.</summary>
    /// <param name="shift">The fields of the shift but its target, as YAML in one line.</param>
    public Task ApplyAsync(string shift) =>
        ns.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: {{service}}}
            spec:
              service: {{service}}
              backends: [{service: {{service}}}, {service: canary}]
              shift: {to: canary, {{shift}}}
            """
        );

    /// <summary>The whole status of the split; empty while there is none.</summary>
    public async Task<JsonNode> StatusAsync() =>
        (await Policies.ReadAsync(mesh, "TrafficSplit", ns.Name, service))["status"] ?? new JsonObject();

    /// <summary>Why the shift is where it is.</summary>
    public async Task<string> ReasonAsync() => (string?)First(await StatusAsync())["reason"] ?? string.Empty;

    /// <summary>Waits until the shift is in a phase.</summary>
    public Task UntilAsync(string phase, TimeSpan? within = null) =>
        UntilAsync(shift => ((string?)shift["phase"]).ShouldBe(phase, shift.ToJsonString()), within);

    /// <summary>Waits until something holds of the shift's status.</summary>
    public Task UntilAsync(Action<JsonNode> holds, TimeSpan? within = null) =>
        Eventually.Succeeds(
            async () =>
            {
                var status = await StatusAsync();
                status["shifts"].ShouldNotBeNull(status.ToJsonString());
                holds(First(status));
            },
            within ?? Within
        );

    /// <summary>Waits until a step has begun, and all proxies have it.</summary>
    public Task UntilAcknowledgedAsync(int weight) =>
        UntilAsync(shift =>
        {
            ((int?)shift["weight"]).ShouldBe(weight, shift.ToJsonString());
            shift["acknowledgedAt"].ShouldNotBeNull(shift.ToJsonString());
        });

    /// <summary>Waits until the step's count of requests to the target is that of the applications, to a hundredth.</summary>
    public Task UntilCountedAsync(int arrived) =>
        UntilAsync(shift =>
        {
            var reason = (string?)shift["reason"] ?? string.Empty;
            var counted = Regex.Match(reason, "of ([0-9,]+) requests to canary").Groups[1].Value;
            counted.ShouldNotBeEmpty(reason);
            int.Parse(counted, NumberStyles.AllowThousands, CultureInfo.InvariantCulture)
                .ShouldBeInRange(arrived * 99 / 100, arrived * 101 / 100, reason);
        });

    /// <summary>Says something to the shift.</summary>
    public Task CommandAsync(string command) =>
        Policies.AnnotateAsync(mesh, "TrafficSplit", ns.Name, service, Api.MeshNames.ShiftAnnotation, command);

    private static JsonNode First(JsonNode status) => status["shifts"]![0]!;
}
