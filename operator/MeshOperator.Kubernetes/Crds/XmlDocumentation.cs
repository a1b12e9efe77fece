using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace MeshOperator.Kubernetes.Crds;

/// <summary>Reads the documentation file that the compiler writes beside an assembly.</summary>
public sealed partial class XmlDocumentation
{
    private readonly Dictionary<string, XElement> _members;

    private XmlDocumentation(Dictionary<string, XElement> members) => _members = members;

    /// <summary>Reads the file of an assembly.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    public static XmlDocumentation ForAssembly(Assembly assembly)
    {
        var path = Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml");
        if (!File.Exists(path))
            throw new FileNotFoundException(
                $"The documentation of {assembly.GetName().Name}, from which descriptions are made, is missing: {path}",
                path
            );
        return new XmlDocumentation(XDocument.Load(path).Descendants("member").ToDictionary(member => (string)member.Attribute("name")!));
    }

    /// <summary>A part of what is written of a field, such as its <c>summary</c>; null where there is none.</summary>
    public XElement? Find(FieldInfo field, string element) => Find($"F:{Name(field.DeclaringType!)}.{field.Name}", element);

    /// <summary>The summary of a type; of a constructed generic type that of its definition.</summary>
    public string? FindSummary(Type type) => Find($"T:{Name(type)}");

    /// <summary>The summary of a property where it is declared.</summary>
    public string? FindSummary(PropertyInfo property) => Find($"P:{Name(property.DeclaringType!)}.{property.Name}");

    /// <summary>The summary of an enum's value.</summary>
    public string? FindSummary(Type enumType, string value) => Find($"F:{Name(enumType)}.{value}");

    private static string Name(Type type) => (type.IsGenericType ? type.GetGenericTypeDefinition() : type).FullName!.Replace('+', '.');

    private static string Flatten(XElement element)
    {
        var text = string.Concat(
            element
                .Nodes()
                .Select(node =>
                    node switch
                    {
                        XText t => t.Value,
                        XElement { Name.LocalName: "see" or "paramref" } see => LastName(
                            (string?)see.Attribute("cref") ?? (string?)see.Attribute("name") ?? string.Empty
                        ),
                        XElement other => Flatten(other),
                        _ => string.Empty,
                    }
                )
        );
        return WhiteSpace().Replace(text, " ").Trim();
    }

    private static string LastName(string cref) => cref[(cref.LastIndexOf('.') + 1)..];

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    private string? Find(string member) => Find(member, "summary") is { } summary && Flatten(summary) is { Length: > 0 } text ? text : null;

    private XElement? Find(string member, string element) => _members.GetValueOrDefault(member)?.Element(element);
}
