using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace MeshOperator.Generation;

/// <summary>Reads the docstrings of an assembly's constants as Markdown.</summary>
internal sealed partial class Docstrings
{
    private readonly Assembly _assembly;
    private readonly Dictionary<string, XElement> _members;

    /// <summary>Reads the file that the compiler writes beside an assembly.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    public Docstrings(Assembly assembly)
    {
        _assembly = assembly;
        var path = Path.ChangeExtension(assembly.Location, ".xml");
        if (!File.Exists(path)) throw new FileNotFoundException($"The docstrings of {assembly.GetName().Name} are missing: {path}", path);
        _members = XDocument.Load(path).Descendants("member").ToDictionary(m => (string)m.Attribute("name")!);
    }

    /// <summary>What a field is.</summary>
    public string Summary(FieldInfo field) => Read(field, "summary");

    /// <summary>What else is to be known of a field; empty where nothing is written.</summary>
    public string Remarks(FieldInfo field) => Read(field, "remarks");

    private string Read(FieldInfo field, string element)
    {
        var name = $"F:{field.DeclaringType!.FullName!.Replace('+', '.')}.{field.Name}";
        return _members.TryGetValue(name, out var member) && member.Element(element) is { } text ? Flatten(text) : string.Empty;
    }

    private string Flatten(XElement element)
    {
        var text = string.Concat(element.Nodes().Select(node => node switch
        {
            XText t => Markdown.Prose(t.Value),
            XElement { Name.LocalName: "c" } code => Markdown.Code(code.Value),
            XElement { Name.LocalName: "see" } see => Markdown.Code(Referenced((string?)see.Attribute("cref") ?? string.Empty)),
            XElement other => Flatten(other),
            _ => string.Empty,
        }));
        return WhiteSpace().Replace(text, " ").Trim();
    }

    /// <summary>Of a constant its value, as that is what users write; of anything else its name.</summary>
    private string Referenced(string cref)
    {
        var dot = cref.LastIndexOf('.');
        var name = cref[(dot + 1)..];
        var field = cref.StartsWith("F:", StringComparison.Ordinal) ? _assembly.GetType(cref[2..dot])?.GetField(name) : null;
        return field is { IsLiteral: true } ? (string)field.GetRawConstantValue()! : name;
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
