using System.Text.Json;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Shifts.Announcing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Shifts;

/// <summary>Events of gradual shifts for chat.</summary>
public sealed class ShiftCloudEventTests
{
    private static readonly DateTimeOffset At = new(2026, 12, 1, 8, 0, 0, TimeSpan.Zero);

    private static readonly SplitShift Shift = new(
        "backends",
        new GradualShift { To = "v2", Steps = [new ShiftStep { Weight = 10 }, new ShiftStep { Weight = 50 }] },
        [new TrafficSplitBackend { Service = "v1" }, new TrafficSplitBackend { Service = "v2" }]
    );

    private static readonly TrafficSplit Split = new()
    {
        Metadata = new V1ObjectMeta
        {
            Name = "model",
            NamespaceProperty = "serving",
            Uid = "1b4e",
        },
    };

    [Fact]
    public void Event_is_of_CloudEvents_1_0()
    {
        var json = Serialize(ShiftCloudEvent.Find(Split, Shift, State(ShiftPhase.Progressing, 10), State(ShiftPhase.Progressing, 50)));

        JsonNode
            .DeepEquals(
                json,
                JsonNode.Parse(
                    """
                    {
                      "specversion": "1.0",
                      "id": "1b4e/backends/Progressing/50/1796112000",
                      "source": "/apis/meshoperator.io/v1alpha1/namespaces/serving/trafficsplits/model",
                      "type": "io.meshoperator.shift.step",
                      "subject": "backends",
                      "time": "2026-12-01T08:00:00+00:00",
                      "datacontenttype": "application/json",
                      "data": {
                        "namespace": "serving", "split": "model", "rule": "backends", "to": "v2", "phase": "Progressing",
                        "step": 2, "steps": 2, "weight": 50, "shares": "v1 50% · v2 50%", "reason": "the step begins"
                      }
                    }
                    """
                )
            )
            .ShouldBeTrue(json.ToJsonString());
    }

    [Theory]
    [InlineData(null, 0, ShiftPhase.Pending, 0, "pending")]
    [InlineData(ShiftPhase.Pending, 0, ShiftPhase.Mirroring, 0, "begun")]
    [InlineData(ShiftPhase.Pending, 0, ShiftPhase.Progressing, 10, "begun")]
    [InlineData(ShiftPhase.Mirroring, 0, ShiftPhase.Progressing, 10, "step")]
    [InlineData(ShiftPhase.Progressing, 10, ShiftPhase.Progressing, 50, "step")]
    [InlineData(ShiftPhase.Progressing, 10, ShiftPhase.AwaitingApproval, 10, "approval-wanted")]
    [InlineData(ShiftPhase.Progressing, 10, ShiftPhase.Paused, 10, "paused")]
    [InlineData(ShiftPhase.Paused, 10, ShiftPhase.Progressing, 10, "resumed")]
    [InlineData(ShiftPhase.Progressing, 10, ShiftPhase.Held, 10, "failed")]
    [InlineData(ShiftPhase.Progressing, 10, ShiftPhase.RolledBack, 0, "rolled-back")]
    [InlineData(ShiftPhase.Progressing, 50, ShiftPhase.Completed, 100, "completed")]
    [InlineData(ShiftPhase.Progressing, 50, ShiftPhase.Progressing, 50, null)]
    public void Each_transition_has_a_type(ShiftPhase? from, int fromWeight, ShiftPhase to, int toWeight, string? type)
    {
        var found = ShiftCloudEvent.Find(Split, Shift, from is { } phase ? State(phase, fromWeight) : null, State(to, toWeight));

        (found?.Type).ShouldBe(type is null ? null : $"io.meshoperator.shift.{type}");
    }

    private static JsonNode Serialize(ShiftCloudEvent? found) =>
        JsonSerializer.SerializeToNode(found, CloudEventJson.Default.ShiftCloudEvent).ShouldNotBeNull();

    private static ShiftState State(ShiftPhase phase, int weight) =>
        new("backends", Shift.Identity, phase, weight, At) { Reason = "the step begins" };
}
