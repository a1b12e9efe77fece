using System.Globalization;
using System.Text.RegularExpressions;

namespace MeshOperator.Api;

/// <summary>A port on loopback that leads to a service port.</summary>
/// <param name="Port">The port on loopback.</param>
/// <param name="Namespace">The service's namespace.</param>
/// <param name="Service">The service's name.</param>
/// <param name="ServicePort">The service's port.</param>
public readonly record struct LocalPort(int Port, string Namespace, string Service, int ServicePort);

/// <summary>Reads the annotation <see cref="SidecarAnnotations.LocalPorts"/>: items <c>local port=service:port</c> or
/// <c>local port=service.namespace:port</c>, separated by commas.</summary>
public static partial class LocalPortList
{
    private const int HighestPort = 65535;

    /// <summary>Reads a list.</summary>
    /// <param name="text">The annotation's value.</param>
    /// <param name="ns">The pod's namespace, which is that of services without one.</param>
    /// <param name="items">The items, ordered by their port on loopback.</param>
    /// <param name="wrong">What is wrong with the first bad item; null when all are good.</param>
    public static bool TryParse(string text, string ns, out IReadOnlyList<LocalPort> items, out string? wrong)
    {
        var found = new SortedDictionary<int, LocalPort>();
        wrong = null;
        foreach (var item in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var match = Form().Match(item);
            if (!match.Success || !TryPort(match.Groups["local"], out var local) || !TryPort(match.Groups["port"], out var port))
                wrong ??= $"'{item}' is not of the form port=service:port or port=service.namespace:port";
            else if (ProxyPort.IsInRange(local))
                wrong ??=
                    $"'{item}': the proxy uses port {local} itself; use a port outside of {ProxyPort.Admin} to {ProxyPort.Prometheus}";
            else if (!found.TryAdd(local, new LocalPort(local, ReadNamespace(match, ns), match.Groups["service"].Value, port)))
                wrong ??= $"'{item}': port {local} leads to two services; use another port for one of them";
        }

        items = [.. found.Values];
        return wrong is null;
    }

    private static string ReadNamespace(Match match, string ns) => match.Groups["ns"] is { Success: true } given ? given.Value : ns;

    private static bool TryPort(Group text, out int port) =>
        int.TryParse(text.Value, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= HighestPort;

    [GeneratedRegex(
        "^(?<local>[0-9]{1,5})=(?<service>[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)(\\.(?<ns>[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?))?"
            + ":(?<port>[0-9]{1,5})$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Form();
}
