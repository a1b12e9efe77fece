using MeshOperator.Mesh.Snapshot;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests;

public sealed class EndpointTests
{
    [Fact]
    public void An_endpoint_that_stands_in_several_slices_is_taken_from_the_first_by_name()
    {
        static EndpointSliceRecord Slice(string zone) =>
            new("web", [new SlicePort("http", 8080)], [new EndpointRecord(["10.0.0.1"], true, "web-0", zone)]);
        var result = Cluster
            .Of("web")
            .With(s =>
                s with
                {
                    EndpointSlices = s
                        .EndpointSlices.Clear()
                        .AddRange(
                            Enumerable.Range(1, 9).Select(i => KeyValuePair.Create(new ObjectName("shop", $"web-{i}"), Slice($"zone-{i}")))
                        ),
                }
            )
            .Translate();
        result.Port("web").Endpoints.ShouldHaveSingleItem().Zone.ShouldBe("zone-1");
    }
}
