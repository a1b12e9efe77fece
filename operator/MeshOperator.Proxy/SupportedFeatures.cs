using MeshOperator.Proxy.Resources;

namespace MeshOperator.Proxy;

/// <summary>What the built-in proxy does with a field of Envoy's API.</summary>
public enum FieldUse
{
    /// <summary>It does what the field says.</summary>
    Carried,

    /// <summary>It understands the field, which has no effect here; <see cref="SupportedField.Note"/> says why.</summary>
    WithoutEffect,

    /// <summary>It rejects a configuration with the field, and names it.</summary>
    Rejected,
}

/// <summary>A field of Envoy's API that the operator can send.</summary>
/// <param name="Message">The full name of the message.</param>
/// <param name="Field">The field.</param>
/// <param name="Use">What is done with it.</param>
/// <param name="Note">Why it has no effect, or the only values that are taken; empty otherwise.</param>
public sealed record SupportedField(string Message, string Field, FieldUse Use, string Note);

/// <summary>A part of RE2's regular expressions, by which Envoy matches, that the built-in proxy lacks.</summary>
/// <param name="Example">An expression with it.</param>
/// <param name="Instead">An expression that both proxies take.</param>
public sealed record UnsupportedExpression(string Example, string Instead);

/// <summary>What of Envoy's API the built-in proxy supports: the table by which it takes or rejects configurations.</summary>
public static class SupportedFeatures
{
    /// <summary>All fields that the operator can send, by message.</summary>
    public static IReadOnlyList<SupportedField> Fields { get; } =
    [
        .. SupportTable
            .Messages.Values.OrderBy(message => message.Descriptor.FullName, StringComparer.Ordinal)
            .SelectMany(message =>
                message
                    .Descriptor.Fields.InDeclarationOrder()
                    .Select(field => ToField(message.Descriptor.FullName, field.Name, message.Fields.GetValueOrDefault(field.Name)))
            ),
    ];

    /// <summary>Expressions that policies can have, and that it rejects.</summary>
    public static IReadOnlyList<UnsupportedExpression> Expressions { get; } =
    [
        new(@"/\pN+", @"/\p{N}+"),
        new(@"/\p{Greek}+", @"/[Α-Ω]+"),
        new(@"/\x{7E}", @"/\x7E"),
        new("/[[:^digit:]]+", "/[^0-9]+"),
        new("(?U)/a+", "/a+?"),
    ];

    private static SupportedField ToField(string message, string field, FieldSupport? support) =>
        support switch
        {
            null => new SupportedField(message, field, FieldUse.Rejected, ""),
            { Reason: { } reason } => new SupportedField(message, field, FieldUse.WithoutEffect, reason),
            { Values: { } values } => new SupportedField(message, field, FieldUse.Carried, $"only {string.Join(", ", values)}"),
            _ => new SupportedField(message, field, FieldUse.Carried, ""),
        };
}
