using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Selectors;

/// <summary>A field selector: equality of a few fields that the kind declares.</summary>
internal sealed class FieldSelector
{
    public static readonly FieldSelector Everything = new([]);
    private readonly List<(string Field, string Value, bool Equal)> _terms;

    private FieldSelector(List<(string Field, string Value, bool Equal)> terms) => _terms = terms;

    /// <summary>The one name it asks for, if it does.</summary>
    public string? Name => _terms.Where(t => t is { Field: "metadata.name", Equal: true }).Select(t => t.Value).FirstOrDefault();

    /// <exception cref="ApiException">400: the kind has no such selectable field.</exception>
    public static FieldSelector Parse(string? text, ResourceKind kind)
    {
        if (string.IsNullOrWhiteSpace(text))
            return Everything;
        var terms = new List<(string Field, string Value, bool Equal)>();
        foreach (var term in text.Split(','))
        {
            if (term.Length == 0)
                continue;
            var not = term.IndexOf("!=", StringComparison.Ordinal);
            var equals = term.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
                throw ApiError.BadRequest($"invalid selector: '{text}'; can't understand '{term}'");
            var equal = not < 0;
            var field = term[..(equal ? equals : not)].Trim();
            var value = term[(equal ? equals + 1 : not + 2)..].TrimStart('=').Trim();
            if (Stored(field, kind) is not { } stored)
                throw ApiError.BadRequest($"field label not supported: {field}");
            terms.Add((stored, value, equal));
        }

        return new FieldSelector(terms);
    }

    public bool Matches(StoredObject stored)
    {
        foreach (var (field, value, equal) in _terms)
        {
            var actual = field switch
            {
                "metadata.name" => stored.Name,
                "metadata.namespace" => stored.Namespace,
                _ => stored.Fields.GetValueOrDefault(field, ""),
            };
            if (actual == value != equal)
                return false;
        }

        return true;
    }

    private static string? Stored(string field, ResourceKind kind)
    {
        if (field == "metadata.name" || (field == "metadata.namespace" && kind.Namespaced))
            return field;
        if (!kind.SelectableFields.Contains(field))
            return null;
        return kind.Group == "events.k8s.io"
            ? field
                .Replace("regarding.", "involvedObject.", StringComparison.Ordinal)
                .Replace("reportingController", "reportingComponent", StringComparison.Ordinal)
            : field;
    }
}
