using System.Globalization;
using CsCheck;
using MeshOperator.Mesh.Model;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests;

public sealed class EndpointPartsTests
{
    [Fact]
    public void Each_endpoint_is_in_as_many_parts_as_any_other_and_each_part_has_at_least_as_many_as_asked_for() =>
        Gen.Select(Gen.Int[1, 1000], Gen.Int[2, 40])
            .Sample(
                (total, size) =>
                {
                    var all = Endpoints(total);
                    var parts = Enumerable.Range(0, EndpointParts.Count).Select(part => Addresses(all, size, part)).ToList();
                    var carriers = parts.SelectMany(part => part).CountBy(address => address).ToList();
                    carriers.Count.ShouldBe(total);
                    carriers.Select(endpoint => endpoint.Value).Distinct().Count().ShouldBe(1);
                    parts.ShouldAllBe(part => part.Count >= Math.Min(size, total));
                    parts.ShouldAllBe(part => part.Count <= size + (total / EndpointParts.Count) + 2);
                },
                iter: 200
            );

    [Fact]
    public void An_endpoint_that_comes_changes_few_endpoints_of_each_part() =>
        Gen.Select(Gen.Int[20, 1000], Gen.Int[2, 20], Gen.Int[0, 100_000])
            .Sample(
                (total, size, number) =>
                {
                    var before = Endpoints(total);
                    var after = EndpointParts.Order([.. before, Endpoint(1_000_000 + number)]);
                    for (var part = 0; part < EndpointParts.Count; part++)
                        Addresses(after, size, part).Except(Addresses(before, size, part)).Count().ShouldBeLessThanOrEqualTo(2);
                },
                iter: 50
            );

    [Fact]
    public void Callers_are_in_all_parts()
    {
        var callers = Enumerable
            .Range(0, 12_800)
            .Select(i => new WorkloadName("shop", string.Create(CultureInfo.InvariantCulture, $"web-{i}")));
        var sizes = callers.CountBy(EndpointParts.Find).ToList();
        sizes.Count.ShouldBe(EndpointParts.Count);
        sizes.ShouldAllBe(part => part.Value > 50 && part.Value < 150);
    }

    private static HashSet<string> Addresses(IReadOnlyList<MeshEndpoint> endpoints, int size, int part) =>
        [.. EndpointParts.Choose(endpoints, size, part).Select(endpoint => endpoint.Address)];

    private static IReadOnlyList<MeshEndpoint> Endpoints(int count) => EndpointParts.Order(Enumerable.Range(0, count).Select(Endpoint));

    private static MeshEndpoint Endpoint(int number) =>
        new(string.Create(CultureInfo.InvariantCulture, $"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"), 8080, null, null);
}
