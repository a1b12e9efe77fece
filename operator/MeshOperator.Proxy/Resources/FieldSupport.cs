using Google.Protobuf.Reflection;

namespace MeshOperator.Proxy.Resources;

/// <summary>What the proxy does with a field.</summary>
/// <param name="Reason">Why it has no effect here; null when it is carried.</param>
/// <param name="Values">The only values that are taken, as in JSON; null for all.</param>
internal sealed record FieldSupport(string? Reason = null, IReadOnlyList<string>? Values = null);

/// <summary>What the proxy does with the fields of one message. A field that is not named is rejected.</summary>
/// <param name="Descriptor">The message.</param>
internal sealed record MessageSupport(MessageDescriptor Descriptor)
{
    private readonly Dictionary<string, FieldSupport> _fields = new(StringComparer.Ordinal);

    /// <summary>The fields, by name.</summary>
    public IReadOnlyDictionary<string, FieldSupport> Fields => _fields;

    /// <summary>All fields are carried.</summary>
    public MessageSupport CarriesAll()
    {
        foreach (var field in Descriptor.Fields.InDeclarationOrder())
            _fields[field.Name] = new FieldSupport();
        return this;
    }

    /// <summary>These fields are carried.</summary>
    public MessageSupport Carries(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            _fields[Field(name)] = new FieldSupport();
        return this;
    }

    /// <summary>A field is carried when it has one of these values.</summary>
    public MessageSupport Takes(string name, params string[] values)
    {
        _fields[Field(name)] = new FieldSupport(Values: values);
        return this;
    }

    /// <summary>These fields are understood and have no effect here.</summary>
    public MessageSupport Leaves(string reason, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            _fields[Field(name)] = new FieldSupport(reason);
        return this;
    }

    /// <summary>These fields are rejected.</summary>
    public MessageSupport Rejects(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            _fields.Remove(Field(name));
        return this;
    }

    private string Field(string name) =>
        Descriptor.FindFieldByName(name)?.Name ?? throw new ArgumentException($"{Descriptor.FullName} has no field {name}.", nameof(name));
}
