using System.Globalization;
using System.Text.Json;
using MeshOperator.Api.Policies;

namespace MeshOperator.Mesh.Shifts;

/// <summary>Reads what a Prometheus answers to an instant query. Pure.
/// <see href="https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries"/></summary>
public static class PrometheusAnswer
{
    private const int LongestError = 200;
    private const int LongestNumber = 24;

    /// <summary>Compares the one number of an answer with the bounds of a check.</summary>
    /// <param name="check">The check.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="body">The body, JSON.</param>
    public static CheckAnswer Read(PrometheusCheck check, int status, ReadOnlyMemory<byte> body)
    {
        ArgumentNullException.ThrowIfNull(check);
        if (status is >= 300 and < 400)
            return Inconclusive(FormattableString.Invariant($"it answered {status}, and redirects are not followed"));
        try
        {
            using var json = JsonDocument.Parse(body);
            return status == 200 ? Compare(check, json.RootElement.GetProperty("data")) : Error(status, json.RootElement);
        }
        catch (Exception e)
            when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or IndexOutOfRangeException)
        {
            return Inconclusive(
                FormattableString.Invariant($"it answered {status} and something other than Prometheus does; check the url")
            );
        }
    }

    private static CheckAnswer Error(int status, JsonElement answer)
    {
        var error = $"{answer.GetProperty("errorType").GetString()}: {answer.GetProperty("error").GetString()}";
        var line = new string([.. error.Take(LongestError).Select(c => char.IsControl(c) ? ' ' : c)]);
        return Inconclusive(FormattableString.Invariant($"it answered {status}, {line}"));
    }

    private static CheckAnswer Compare(PrometheusCheck check, JsonElement data)
    {
        var result = data.GetProperty("result");
        switch (data.GetProperty("resultType").GetString())
        {
            case "scalar":
                return Compare(check, result[1].GetString());
            case "vector" when result.GetArrayLength() == 0:
                return Inconclusive("the query has no result");
            case "vector" when result.GetArrayLength() > 1:
                return Inconclusive(
                    FormattableString.Invariant(
                        $"the query has {result.GetArrayLength()} results; aggregate them to one, for example by sum"
                    )
                );
            case "vector" when result[0].TryGetProperty("value", out var value):
                return Compare(check, value[1].GetString());
            default:
                return Inconclusive("the result of the query is not a number; use one with a scalar or a vector as its result");
        }
    }

    private static CheckAnswer Compare(PrometheusCheck check, string? text)
    {
        if (Read(text) is not { } number || double.IsNaN(number))
            return Inconclusive("the result of the query is NaN, which is not a number; perhaps there was no traffic");
        var shown = text!.Length <= LongestNumber ? text : number.ToString(CultureInfo.InvariantCulture);
        if (Read(check.Min) is { } min && number < min)
            return new CheckAnswer(ShiftOutcome.Fail, $"{shown}, min {check.Min}");
        return Read(check.Max) is { } max && number > max
            ? new CheckAnswer(ShiftOutcome.Fail, $"{shown}, max {check.Max}")
            : new CheckAnswer(ShiftOutcome.Pass, shown);
    }

    private static double? Read(string? text) =>
        text switch
        {
            null => null,
            "+Inf" => double.PositiveInfinity,
            "-Inf" => double.NegativeInfinity,
            "NaN" => double.NaN,
            _ => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture),
        };

    private static CheckAnswer Inconclusive(string text) => new(ShiftOutcome.Inconclusive, text);
}
