using System.Globalization;
using System.Text.RegularExpressions;

namespace MeshOperator.LocalCluster.Schemas;

/// <summary>Resource quantities such as 100m, 64Mi or 1e3.</summary>
internal static partial class Quantity
{
    public static bool IsValid(string text) => Form().IsMatch(text);

    /// <summary>The value in units; null if the text is no quantity.</summary>
    public static decimal? Parse(string text)
    {
        var match = Form().Match(text);
        if (!match.Success)
            return null;
        if (!decimal.TryParse(match.Groups[1].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
            return null;
        return number
            * match.Groups[2].Value switch
            {
                "n" => 1e-9m,
                "u" => 1e-6m,
                "m" => 1e-3m,
                "k" => 1e3m,
                "M" => 1e6m,
                "G" => 1e9m,
                "T" => 1e12m,
                "P" => 1e15m,
                "E" => 1e18m,
                "Ki" => 1024m,
                "Mi" => 1048576m,
                "Gi" => 1073741824m,
                "Ti" => 1099511627776m,
                "Pi" => 1125899906842624m,
                "Ei" => 1152921504606846976m,
                _ => 1m,
            };
    }

    [GeneratedRegex(@"^([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(|[numkMGTPE]|[KMGTPE]i)\z")]
    private static partial Regex Form();
}
