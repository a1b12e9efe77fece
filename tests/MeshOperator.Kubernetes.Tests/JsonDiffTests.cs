using System.Globalization;
using System.Text.Json.Nodes;
using CsCheck;
using MeshOperator.Kubernetes.Admission;
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
    [InlineData("""{"l":[{"n":"a"},{"n":"b"}]}""", """{"l":[{"n":"x"},{"n":"a"},{"n":"b"}]}""", """[{"op":"add","path":"/l/0","value":{"n":"x"}}]""")]
    public void The_patch_is_as_small_as_the_change(string before, string after, string patch) =>
        JsonDiff.Between(JsonNode.Parse(before), JsonNode.Parse(after)).ToJsonString().ShouldBe(patch);

    [Fact]
    public void Applying_the_difference_of_two_values_to_the_first_gives_the_second() => Gen.Select(Values(3), Values(3)).Sample((before, after) =>
    {
        var root = new JsonObject { ["root"] = JsonNode.Parse(before) };
        var wanted = new JsonObject { ["root"] = JsonNode.Parse(after) };
        return JsonNode.DeepEquals(Apply(root, JsonDiff.Between(root, wanted)), wanted);
    });

    /// <summary>JSON texts, nested at most <paramref name="depth"/> deep, of few names and values so that parts are often equal.</summary>
    private static Gen<string> Values(int depth)
    {
        var scalars = OneOf("null", "true", "1", "2", "\"x\"", "\"\"");
        if (depth == 0) return scalars;
        var child = Values(depth - 1);
        var names = OneOf("a", "b", "c/d", "e~f");
        var maps = Gen.Select(names, child).List[0, 4].Select(pairs => "{" + string.Join(',', pairs.DistinctBy(p => p.Item1).Select(p => $"\"{p.Item1}\":{p.Item2}")) + "}");
        var lists = child.List[0, 5].Select(items => "[" + string.Join(',', items) + "]");
        return Gen.OneOf(scalars, maps, lists);
    }

    private static Gen<string> OneOf(params string[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    /// <summary>RFC 6902 by the letter, for add, remove and replace.</summary>
    private static JsonObject Apply(JsonObject document, JsonArray patch)
    {
        var result = (JsonObject)document.DeepClone();
        foreach (var operation in patch)
        {
            var path = ((string)operation!["path"]!).Split('/')[1..].Select(p => p.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)).ToArray();
            JsonNode parent = result;
            foreach (var segment in path[..^1]) parent = parent is JsonArray l ? l[Index(segment)]! : parent[segment]!;
            var value = operation["value"]?.DeepClone();
            switch ((string)operation["op"]!, parent)
            {
                case ("add", JsonArray list): list.Insert(Index(path[^1]), value); break;
                case ("replace", JsonArray list): list[Index(path[^1])] = value; break;
                case ("remove", JsonArray list): list.RemoveAt(Index(path[^1])); break;
                case ("remove", JsonObject map): map.Remove(path[^1]).ShouldBeTrue(); break;
                case ("add" or "replace", JsonObject map): map[path[^1]] = value; break;
                default: throw new InvalidOperationException(operation.ToJsonString());
            }
        }

        return result;
    }

    private static int Index(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
