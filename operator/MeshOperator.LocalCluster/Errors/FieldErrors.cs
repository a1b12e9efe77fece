using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Errors;

/// <summary>One cause of a 422: the field, the machine-readable reason, and the words after the field's name.</summary>
internal sealed record FieldError(string Field, string Reason, string Message);

/// <summary>Gathers what is wrong with an object, in the words of k8s.io/apimachinery's field errors.</summary>
internal sealed class FieldErrors
{
    private const int Limit = 100;
    private readonly List<FieldError> _errors = [];

    public IReadOnlyList<FieldError> All => _errors;

    public bool Any => _errors.Count > 0;

    public void Required(string field, string detail = "") =>
        Add(field, "FieldValueRequired", detail.Length == 0 ? "Required value" : $"Required value: {detail}");

    public void Invalid(string field, JsonNode? value, string detail) =>
        Add(field, "FieldValueInvalid", $"Invalid value: {Shown(value)}: {detail}");

    public void WrongType(string field, JsonNode? value, string expected)
    {
        var shown = value switch
        {
            null => "\"null\"",
            JsonObject => "\"object\"",
            JsonArray => "\"array\"",
            _ => $"\"{TypeName(value)}\"",
        };
        Add(field, "FieldValueTypeInvalid", $"Invalid value: {shown}: {field} in body must be of type {expected}: {shown}");
    }

    public void NotSupported(string field, JsonNode? value, IEnumerable<string> supported) =>
        Add(field, "FieldValueNotSupported", $"Unsupported value: {Shown(value)}: supported values: {string.Join(", ", supported)}");

    public void Duplicate(string field, JsonNode? value) => Add(field, "FieldValueDuplicate", $"Duplicate value: {Shown(value)}");

    public void Forbidden(string field, string detail) => Add(field, "FieldValueForbidden", $"Forbidden: {detail}");

    public void NotFound(string field, JsonNode? value) => Add(field, "FieldValueNotFound", $"Not found: {Shown(value)}");

    public void TooLong(string field, long max) =>
        Add(field, "FieldValueTooLong", string.Create(CultureInfo.InvariantCulture, $"Too long: may not be more than {max} bytes"));

    public void TooMany(string field, int actual, long max) =>
        Add(field, "FieldValueTooMany", string.Create(CultureInfo.InvariantCulture, $"Too many: {actual}: must have at most {max} items"));

    public static string Shown(JsonNode? value) =>
        value switch
        {
            null => "null",
            JsonValue => JsonText.EncodeText(value),
            _ => JsonText.EncodeText(value),
        };

    private static string TypeName(JsonNode value) =>
        value.Kind() switch
        {
            System.Text.Json.JsonValueKind.String => "string",
            System.Text.Json.JsonValueKind.True or System.Text.Json.JsonValueKind.False => "boolean",
            _ => value.AsInteger() is not null ? "integer" : "number",
        };

    private void Add(string field, string reason, string message)
    {
        if (_errors.Count < Limit && !_errors.Exists(e => e.Field == field && e.Message == message))
            _errors.Add(new FieldError(field, reason, message));
    }
}
