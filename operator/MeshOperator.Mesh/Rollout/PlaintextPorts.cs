using System.Globalization;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Rollout;

/// <summary>Which ports of a workload take no mutual TLS, as a text: <c>""</c> none, <c>"*"</c> all, <c>"8080,9090"</c> these,
/// <c>"*,-8080"</c> all but this one. Two modes need steps between them when their texts differ.</summary>
public static class PlaintextPorts
{
    private const string All = "*";

    /// <summary>The text of a profile.</summary>
    public static string Write(InboundProfile profile)
    {
        ArgumentNullException.ThrowIfNull(profile);
        var isAll = profile.DefaultMode is MtlsMode.Disabled;
        var exceptions = profile
            .Ports.Where(port => (port.Mode is MtlsMode.Disabled) != isAll)
            .Select(port => port.Port)
            .Order()
            .Select(port => string.Create(CultureInfo.InvariantCulture, $"{(isAll ? "-" : string.Empty)}{port}"));
        return string.Join(',', isAll ? exceptions.Prepend(All) : exceptions);
    }

    /// <summary>A profile with those ports, for the modes alone.</summary>
    /// <param name="text">What <see cref="Write"/> made.</param>
    /// <returns>The profile; null when the text is something else.</returns>
    public static InboundProfile? Read(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(',', StringSplitOptions.RemoveEmptyEntries).ToList();
        var isAll = parts.Remove(All);
        var (listed, other) = isAll ? (MtlsMode.Permissive, MtlsMode.Disabled) : (MtlsMode.Disabled, MtlsMode.Permissive);
        var ports = new List<InboundPort>();
        foreach (var part in parts)
        {
            if (part.StartsWith('-') != isAll || !int.TryParse(part.TrimStart('-'), CultureInfo.InvariantCulture, out var port))
                return null;
            ports.Add(new InboundPort(port, PortProtocol.Detect, listed));
        }

        return new InboundProfile(other, ports.OrderBy(port => port.Port).ToValueList(), []);
    }
}
