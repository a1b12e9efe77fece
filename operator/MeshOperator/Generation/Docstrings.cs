using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using MeshOperator.Kubernetes.Crds;

namespace MeshOperator.Generation;

/// <summary>Reads the docstrings of an assembly's constants as Markdown.</summary>
internal sealed partial class Docstrings(Assembly assembly)
{
    private readonly XmlDocumentation _documentation = XmlDocumentation.ForAssembly(assembly);

    /// <summary>What a field is.</summary>
    public string Summary(FieldInfo field) => Read(field, "summary");

    /// <summary>What else is to be known of a field; empty where nothing is written.</summary>
    public string Remarks(FieldInfo field) => Read(field, "remarks");

    private string Read(FieldInfo field, string element) => _documentation.Find(field, element) is { } text ? Flatten(text) : string.Empty;

    private string Flatten(XElement element)
    {
        var text = string.Concat(
            element
                .Nodes()
                .Select(node =>
                    node switch
                    {
                        XText t => Markdown.Prose(t.Value),
                        XElement { Name.LocalName: "c" } code => Markdown.Code(code.Value),
                        XElement { Name.LocalName: "see" } see => Markdown.Code(Referenced((string?)see.Attribute("cref") ?? string.Empty)),
                        XElement other => Flatten(other),
                        _ => string.Empty,
                    }
                )
        );
        return WhiteSpace().Replace(text, " ").Trim();
    }

    /// <summary>Of a constant its value, as that is what users write; of anything else its name.</summary>
    private string Referenced(string cref)
    {
        var dot = cref.LastIndexOf('.');
        var name = cref[(dot + 1)..];
        var field = cref.StartsWith("F:", StringComparison.Ordinal) ? assembly.GetType(cref[2..dot])?.GetField(name) : null;
        return field is { IsLiteral: true } ? (string)field.GetRawConstantValue()! : name;
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
