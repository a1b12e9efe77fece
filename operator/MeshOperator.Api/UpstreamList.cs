using System.Text.RegularExpressions;

namespace MeshOperator.Api;

/// <summary>Reads the annotation <see cref="SidecarAnnotations.Upstreams"/>: services that the pods call, separated by commas, each
/// <c>service</c> (of the pods' own namespace), <c>namespace/service</c>, <c>namespace/*</c>, <c>./*</c> (all of their own namespace) or
/// <c>*</c> (all of the mesh). An empty list means none.</summary>
public static partial class UpstreamList
{
    /// <summary>Stands for any name.</summary>
    public const string Any = "*";

    /// <summary>Reads a list.</summary>
    /// <param name="text">The annotation's value.</param>
    /// <param name="ns">The pods' namespace.</param>
    /// <param name="items">Namespace and name of each item; either can be <see cref="Any"/>.</param>
    /// <param name="wrong">The first item that is not of one of the forms; null when all are.</param>
    public static bool TryParse(string text, string ns, out IReadOnlyList<(string Namespace, string Service)> items, out string? wrong)
    {
        var found = new List<(string, string)>();
        wrong = null;
        foreach (var item in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (item == Any)
            {
                found.Add((Any, Any));
            }
            else if (Form().Match(item) is { Success: true } match)
            {
                var given = match.Groups["ns"];
                found.Add((given.Success && given.Value != "." ? given.Value : ns, match.Groups["name"].Value));
            }
            else
            {
                wrong ??= item;
            }
        }

        items = found;
        return wrong is null;
    }

    [GeneratedRegex(
        "^((?<ns>\\.|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)/(?<name>\\*)"
            + "|((?<ns>\\.|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)/)?(?<name>[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?))$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Form();
}
