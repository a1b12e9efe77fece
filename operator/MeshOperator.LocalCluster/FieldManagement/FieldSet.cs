using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.FieldManagement;

/// <summary>
/// A set of paths into an object, in the form of managedFields: `f:name` for a field, `k:{...}` for the item of a keyed
/// list, `v:...` for the item of a set. Immutable once built.
/// </summary>
internal sealed class FieldSet
{
    public SortedDictionary<string, FieldSet> Children { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether this very path belongs to the set.</summary>
    public bool Member { get; set; }

    public bool IsEmpty => !Member && Children.Values.All(child => child.IsEmpty);

    public FieldSet Child(string element)
    {
        if (!Children.TryGetValue(element, out var child))
            Children[element] = child = new FieldSet();
        return child;
    }

    public static FieldSet Parse(JsonNode? fieldsV1)
    {
        var set = new FieldSet();
        if (fieldsV1 is not JsonObject fields)
            return set;
        foreach (var (element, below) in fields)
        {
            if (element == ".")
            {
                set.Member = true;
                continue;
            }

            var child = Parse(below);
            if (below is not JsonObject { Count: > 0 })
                child.Member = true;
            set.Children[element] = child;
        }

        return set;
    }

    public JsonObject ToJson()
    {
        var json = new JsonObject();
        if (Member && Children.Count > 0)
            json["."] = new JsonObject();
        foreach (var (element, child) in Children)
            if (!child.IsEmpty)
                json[element] = child.ToJson();
        return json;
    }

    public FieldSet Union(FieldSet other)
    {
        var result = new FieldSet { Member = Member || other.Member };
        foreach (var (element, child) in Children)
            result.Children[element] = other.Children.TryGetValue(element, out var theirs) ? child.Union(theirs) : child;
        foreach (var (element, child) in other.Children)
            if (!Children.ContainsKey(element))
                result.Children[element] = child;
        return result;
    }

    public FieldSet Without(FieldSet other)
    {
        var result = new FieldSet { Member = Member && !other.Member };
        foreach (var (element, child) in Children)
        {
            var left = other.Children.TryGetValue(element, out var theirs) ? child.Without(theirs) : child;
            if (!left.IsEmpty)
                result.Children[element] = left;
        }

        return result;
    }

    public FieldSet Intersect(FieldSet other)
    {
        var result = new FieldSet { Member = Member && other.Member };
        foreach (var (element, child) in Children)
        {
            if (!other.Children.TryGetValue(element, out var theirs))
                continue;
            var both = child.Intersect(theirs);
            if (!both.IsEmpty)
                result.Children[element] = both;
        }

        return result;
    }

    /// <summary>The part below some top-level fields only.</summary>
    public FieldSet Only(params string[] elements)
    {
        var result = new FieldSet();
        foreach (var element in elements)
            if (Children.TryGetValue(element, out var child))
                result.Children[element] = child;
        return result;
    }

    public FieldSet Except(params string[] elements)
    {
        var result = new FieldSet();
        foreach (var (element, child) in Children)
            if (!elements.Contains(element))
                result.Children[element] = child;
        return result;
    }

    public bool SameAs(FieldSet other) => JsonAccess.Same(ToJson(), other.ToJson());

    /// <summary>The member paths as messages show them: .spec.containers[name="app"].image.</summary>
    public IEnumerable<string> Paths(string prefix = "")
    {
        if (Member && prefix.Length > 0)
            yield return prefix;
        foreach (var (element, child) in Children)
        foreach (var path in child.Paths(prefix + Shown(element)))
            yield return path;
    }

    private static string Shown(string element)
    {
        if (element.StartsWith("f:", StringComparison.Ordinal))
            return "." + element[2..];
        if (element.StartsWith("v:", StringComparison.Ordinal))
            return $"[={element[2..]}]";
        var keys = JsonText.DecodeObject(System.Text.Encoding.UTF8.GetBytes(element[2..]));
        return $"[{string.Join(",", keys.Select(key => $"{key.Key}={JsonText.EncodeText(key.Value)}"))}]";
    }
}
