using Envoy.Config.Core.V3;
using Envoy.Type.V3;
using Google.Protobuf.WellKnownTypes;
using DenominatorType = Envoy.Type.V3.FractionalPercent.Types.DenominatorType;

namespace MeshOperator.Proxy.Matching;

/// <summary>A share of requests.</summary>
/// <param name="Numerator">Of <paramref name="Denominator"/>.</param>
/// <param name="Denominator">The whole.</param>
/// <param name="RuntimeKey">The runtime value that takes precedence; empty for none.</param>
internal sealed record Share(ulong Numerator, ulong Denominator, string RuntimeKey)
{
    /// <summary>None of them.</summary>
    public static Share None { get; } = new(0, 1, "");

    /// <summary>All of them.</summary>
    public static Share All { get; } = new(1, 1, "");

    /// <summary>A share; null is <paramref name="otherwise"/>.</summary>
    public static Share Create(RuntimeFractionalPercent? percent, Share otherwise) =>
        percent is null ? otherwise : Create(percent.DefaultValue ?? new FractionalPercent(), percent.RuntimeKey);

    /// <summary>A share.</summary>
    public static Share Create(FractionalPercent? percent, string runtimeKey = "") =>
        percent is null ? All : new Share(percent.Numerator, Whole(percent.Denominator), runtimeKey);

    /// <summary>Whether a request with this random number is one of them.</summary>
    public bool Has(ulong number, RuntimeValues runtime)
    {
        var (numerator, denominator) =
            RuntimeKey.Length > 0 && runtime.Fraction(RuntimeKey) is { } value ? value : (Numerator, Denominator);
        return number % denominator < numerator;
    }

    private static ulong Whole(DenominatorType denominator) =>
        denominator switch
        {
            DenominatorType.TenThousand => 10_000,
            DenominatorType.Million => 1_000_000,
            _ => 100,
        };
}

/// <summary>The values of the runtime layer that the operator sends.</summary>
internal sealed class RuntimeValues
{
    private volatile Struct _layer = new();

    /// <summary>Takes a layer.</summary>
    public void Set(Struct? layer) => _layer = layer ?? new Struct();

    /// <summary>Whether a value is true.</summary>
    public bool IsOn(string key) => _layer.Fields.TryGetValue(key, out var value) && value.BoolValue;

    /// <summary>A fraction, or null when there is no such value.</summary>
    public (ulong Numerator, ulong Denominator)? Fraction(string key)
    {
        if (!_layer.Fields.TryGetValue(key, out var value))
            return null;
        if (value.KindCase is Value.KindOneofCase.NumberValue)
            return ((ulong)value.NumberValue, 100);
        if (value.KindCase is not Value.KindOneofCase.StructValue)
            return null;
        var fields = value.StructValue.Fields;
        var denominator = fields.TryGetValue("denominator", out var name) ? name.StringValue : "";
        return (
            fields.TryGetValue("numerator", out var numerator) ? (ulong)numerator.NumberValue : 0,
            denominator switch
            {
                "MILLION" => 1_000_000,
                "TEN_THOUSAND" => 10_000,
                _ => 100,
            }
        );
    }
}
