using System.Text.Json;
using FluentValidation.Results;

namespace MeshOperator.Api.Validation;

/// <summary>Writes what a validator found, as users read it.</summary>
public static class ValidationText
{
    /// <summary>All failures in one line, each with its field's path: <c>spec.backends[0].weight: …; spec.port: …</c>.</summary>
    public static string Describe(ValidationResult result) =>
        string.Join("; ", result.Errors.Select(e => $"{ToPath(e.PropertyName)}: {e.ErrorMessage}").Distinct());

    private static string ToPath(string property) =>
        string.Join(
            '.',
            property.Split('.', StringSplitOptions.RemoveEmptyEntries).Select(JsonNamingPolicy.CamelCase.ConvertName).Prepend("spec")
        );
}
