using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Validation;

/// <summary>The forms of names, labels and keys, with the messages of k8s.io/apimachinery.</summary>
internal static partial class Names
{
    private const string SubdomainMessage =
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with "
        + "an alphanumeric character (e.g. 'example.com', regex used for validation is "
        + "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

    private const string LabelMessage =
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
        + "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

    private const string ServiceMessage =
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with "
        + "an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

    private const string QualifiedMessage =
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
        + "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

    private const string LabelValueMessage =
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
        + "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
        + "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

    /// <summary>Reports a name that has not the form.</summary>
    public static void Check(string name, NameFormat format, string field, FieldErrors errors)
    {
        switch (format)
        {
            case NameFormat.PathSegment:
                if (name is "." or ".." || name.Contains('/', StringComparison.Ordinal) || name.Contains('%', StringComparison.Ordinal))
                    errors.Invalid(field, name, "may not be '.' or '..' or contain '/' or '%'");
                return;
            case NameFormat.Subdomain:
                if (name.Length > 253)
                    errors.Invalid(field, name, "must be no more than 253 characters");
                if (!Subdomain().IsMatch(name))
                    errors.Invalid(field, name, SubdomainMessage);
                return;
            case NameFormat.Label:
                if (name.Length > 63)
                    errors.Invalid(field, name, "must be no more than 63 characters");
                if (!Label().IsMatch(name))
                    errors.Invalid(field, name, LabelMessage);
                return;
            default:
                if (name.Length > 63)
                    errors.Invalid(field, name, "must be no more than 63 characters");
                if (!ServiceLabel().IsMatch(name))
                    errors.Invalid(field, name, ServiceMessage);
                return;
        }
    }

    public static void CheckLabels(JsonObject? labels, string field, FieldErrors errors)
    {
        foreach (var (key, value) in labels ?? [])
        {
            CheckKey(key, field, errors);
            var text = value.AsText() ?? "";
            if (text.Length > 63)
                errors.Invalid(field, text, "must be no more than 63 bytes");
            else if (!LabelValue().IsMatch(text))
                errors.Invalid(field, text, LabelValueMessage);
        }
    }

    public static void CheckKey(string key, string field, FieldErrors errors)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        var name = slash < 0 ? key : key[(slash + 1)..];
        if (slash >= 0 && (slash == 0 || slash > 253 || !Subdomain().IsMatch(key[..slash])))
            errors.Invalid(field, key, slash == 0 ? "prefix part must be non-empty" : $"prefix part {SubdomainMessage}");
        if (name.Length == 0)
            errors.Invalid(field, key, "name part must be non-empty");
        else if (name.Length > 63)
            errors.Invalid(field, key, "name part must be no more than 63 bytes");
        if (!Qualified().IsMatch(name))
            errors.Invalid(field, key, QualifiedMessage);
    }

    [GeneratedRegex(@"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z")]
    private static partial Regex Subdomain();

    [GeneratedRegex(@"^[a-z0-9]([-a-z0-9]*[a-z0-9])?\z")]
    private static partial Regex Label();

    [GeneratedRegex(@"^[a-z]([-a-z0-9]*[a-z0-9])?\z")]
    private static partial Regex ServiceLabel();

    [GeneratedRegex(@"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\z")]
    private static partial Regex Qualified();

    [GeneratedRegex(@"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\z")]
    private static partial Regex LabelValue();
}
