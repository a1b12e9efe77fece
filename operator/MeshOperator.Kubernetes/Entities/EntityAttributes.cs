namespace MeshOperator.Kubernetes.Entities;

/// <summary>Whether objects of a kind belong to a namespace.</summary>
public enum EntityScope
{
    /// <summary>They do.</summary>
    Namespaced,

    /// <summary>They belong to the cluster.</summary>
    Cluster,
}

/// <summary>Sets the scope of an entity; without it, it is <see cref="EntityScope.Namespaced"/>.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class EntityScopeAttribute(EntityScope scope) : Attribute
{
    /// <summary>The scope.</summary>
    public EntityScope Scope { get; } = scope;
}

/// <summary>Short names with which <c>kubectl</c> finds the kind.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class KubernetesEntityShortNamesAttribute(params string[] shortNames) : Attribute
{
    /// <summary>The names.</summary>
    public IReadOnlyList<string> ShortNames { get; } = shortNames;
}

/// <summary>Categories, names that stand for several kinds in <c>kubectl get</c>.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class KubernetesEntityCategoriesAttribute(params string[] categories) : Attribute
{
    /// <summary>The names.</summary>
    public IReadOnlyList<string> Categories { get; } = categories;
}

/// <summary>A label of the kind's CustomResourceDefinition.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class DefinitionLabelAttribute(string name, string value) : Attribute
{
    /// <summary>Its name.</summary>
    public string Name { get; } = name;

    /// <summary>Its value.</summary>
    public string Value { get; } = value;
}

/// <summary>A column of <c>kubectl get</c>, of a kind, or of all kinds whose status is of a type.</summary>
/// <param name="jsonPath">The value's place, beginning with a dot.</param>
/// <param name="name">The heading.</param>
/// <param name="type">An OpenAPI type: string, integer, number, boolean or date.</param>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
public sealed class AdditionalPrinterColumnAttribute(string jsonPath, string name, string type = "string") : Attribute
{
    /// <summary>The value's place, beginning with a dot.</summary>
    public string JsonPath { get; } = jsonPath;

    /// <summary>The heading.</summary>
    public string Name { get; } = name;

    /// <summary>An OpenAPI type.</summary>
    public string Type { get; } = type;

    /// <summary>0 is always shown, above only with <c>-o wide</c>.</summary>
    public int Priority { get; init; }

    /// <summary>What the column means.</summary>
    public string? Description { get; init; }

    /// <summary>Where the column stands: columns are ordered by this number.</summary>
    public required int Order { get; init; }
}

/// <summary>A CEL rule that the API server checks (<c>x-kubernetes-validations</c>).</summary>
/// <param name="rule">The expression over <c>self</c>.</param>
/// <param name="message">What a user reads when it does not hold.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Property, AllowMultiple = true)]
public sealed class ValidationRuleAttribute(string rule, string message) : Attribute
{
    /// <summary>The expression.</summary>
    public string Rule { get; } = rule;

    /// <summary>The message.</summary>
    public string Message { get; } = message;
}

/// <summary>The property must be given.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RequiredAttribute : Attribute;

/// <summary>A regular expression that the string, or each string of the list, must match.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class PatternAttribute(string regexPattern) : Attribute
{
    /// <summary>The expression.</summary>
    public string RegexPattern { get; } = regexPattern;
}

/// <summary>The least and largest length of the string, or of each string of the list.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class LengthAttribute(int minimum, int maximum) : Attribute
{
    /// <summary>Least length in characters.</summary>
    public int Minimum { get; } = minimum;

    /// <summary>Largest length in characters.</summary>
    public int Maximum { get; } = maximum;
}

/// <summary>The least and largest number of items of the list or map.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ItemsAttribute(int minimum, int maximum) : Attribute
{
    /// <summary>Least number.</summary>
    public int Minimum { get; } = minimum;

    /// <summary>Largest number.</summary>
    public int Maximum { get; } = maximum;
}

/// <summary>The least value of the number, or of each number of the list or map.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RangeMinimumAttribute(double minimum) : Attribute
{
    /// <summary>The least value, itself allowed.</summary>
    public double Minimum { get; } = minimum;
}

/// <summary>The largest value of the number, or of each number of the list or map.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RangeMaximumAttribute(double maximum) : Attribute
{
    /// <summary>The largest value, itself allowed.</summary>
    public double Maximum { get; } = maximum;
}

/// <summary>What the property is when it is left out. The API server writes it into objects only where it stands directly in the spec.
/// Below lists, tools that compare a manifest with the object (<c>kubectl apply</c>, Argo CD) would find a difference for ever, as they
/// take a list as one value; and an empty object in which the server has written defaults cannot be applied by server-side apply again.
/// There only the description has it.</summary>
/// <param name="value">A string, number, boolean or value of an enum.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class DefaultValueAttribute(object value) : Attribute
{
    /// <summary>The value.</summary>
    public object Value { get; } = value;
}

/// <summary>The strings that are allowed, where an enum type would not do.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class EnumValuesAttribute(params string[] values) : Attribute
{
    /// <summary>The strings.</summary>
    public IReadOnlyList<string> Values { get; } = values;
}

/// <summary>The string is a duration as in the Gateway API (GEP-2257): up to four pairs of a number and one of h, m, s, ms. The schema
/// checks it with CEL, as the message of a pattern would show only the expression.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class DurationAttribute : Attribute
{
    /// <summary>The form of durations.</summary>
    public const string Pattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";

    /// <summary>What to say of a string that is none, after the string itself.</summary>
    public const string Message = "is not a duration; write a number and a unit, such as 500ms, 10s or 1m30s";
}

/// <summary>The list is a map: these properties identify the items (<c>x-kubernetes-list-type: map</c>).</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ListMapKeysAttribute(params string[] keys) : Attribute
{
    /// <summary>The properties' JSON names.</summary>
    public IReadOnlyList<string> Keys { get; } = keys;
}

/// <summary>The list is a set: no item comes twice (<c>x-kubernetes-list-type: set</c>).</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ListSetAttribute : Attribute;

/// <summary>Verbs that a controller or service of the operator needs on a kind; the chart's role is made of these.</summary>
/// <param name="group">The API group; empty for core.</param>
/// <param name="resources">Plural names, comma-separated.</param>
/// <param name="verbs">Verbs, comma-separated.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Assembly, AllowMultiple = true)]
public sealed class GenericRbacAttribute(string group, string resources, string verbs) : Attribute
{
    /// <summary>The API group.</summary>
    public string Group { get; } = group;

    /// <summary>Plural names.</summary>
    public IReadOnlyList<string> Resources { get; } = resources.Split(',');

    /// <summary>Verbs.</summary>
    public IReadOnlyList<string> Verbs { get; } = verbs.Split(',');

    /// <summary>Whether the rule is for the operator's own namespace only.</summary>
    public bool OwnNamespace { get; init; }

    /// <summary>The only objects' names the rule is for, comma-separated; empty for all.</summary>
    public string ResourceNames { get; init; } = string.Empty;
}
