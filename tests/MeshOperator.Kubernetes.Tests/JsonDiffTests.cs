using System.Text.Json.Nodes;
using CsCheck;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

public sealed class JsonDiffTests
{
    [Theory]
    [InlineData("""{"a":1}""", """{"a":1}""", "[]")]
    [InlineData("""{"a":1}""", """{"a":2}""", """[{"op":"replace","path":"/a","value":2}]""")]
    [InlineData("""{"a/b~c":1}""", "{}", """[{"op":"remove","path":"/a~1b~0c"}]""")]
    [InlineData("""{"l":[1,2]}""", """{"l":[1,2,3]}""", """[{"op":"add","path":"/l/2","value":3}]""")]
    [InlineData("""{"l":[1,2,3]}""", """{"l":[3]}""", """[{"op":"remove","path":"/l/1"},{"op":"remove","path":"/l/0"}]""")]
    [InlineData(
        """{"l":[{"n":"a"},{"n":"b"}]}""",
        """{"l":[{"n":"x"},{"n":"a"},{"n":"b"}]}""",
        """[{"op":"add","path":"/l/0","value":{"n":"x"}}]"""
    )]
    public void The_patch_is_as_small_as_the_change(string before, string after, string patch) =>
        JsonDiff.Between(JsonNode.Parse(before), JsonNode.Parse(after)).ToJsonString().ShouldBe(patch);

    [Fact]
    public void Applying_the_difference_of_two_values_to_the_first_gives_the_second() =>
        Gen.Select(Values(3), Values(3))
            .Sample(
                (before, after) =>
                {
                    var root = new JsonObject { ["root"] = JsonNode.Parse(before) };
                    var wanted = new JsonObject { ["root"] = JsonNode.Parse(after) };
                    return JsonNode.DeepEquals(JsonPatch.Apply(root, JsonDiff.Between(root, wanted)), wanted);
                }
            );

    /// <summary>JSON texts, nested at most <paramref name="depth"/> deep, of few names and values so that parts are often equal.</summary>
    private static Gen<string> Values(int depth)
    {
        var scalars = OneOf("null", "true", "1", "2", "\"x\"", "\"\"");
        if (depth == 0)
            return scalars;
        var child = Values(depth - 1);
        var names = OneOf("a", "b", "c/d", "e~f");
        var maps = Gen.Select(names, child)
            .List[0, 4]
            .Select(pairs => "{" + string.Join(',', pairs.DistinctBy(p => p.Item1).Select(p => $"\"{p.Item1}\":{p.Item2}")) + "}");
        var lists = child.List[0, 5].Select(items => "[" + string.Join(',', items) + "]");
        return Gen.OneOf(scalars, maps, lists);
    }

    private static Gen<string> OneOf(params string[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}
