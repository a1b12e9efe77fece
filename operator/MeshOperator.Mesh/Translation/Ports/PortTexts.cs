using System.Globalization;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation.Ports;

/// <summary>Says which ports a service has, to those who named another one.</summary>
internal static class PortTexts
{
    /// <summary>Its ports by name.</summary>
    public static string Names(ServiceRecord service)
    {
        var names = service.Ports.Where(p => p.Name.Length > 0).Select(p => $"'{p.Name}'").ToList();
        if (names.Count > 0)
            return $"it has {string.Join(", ", names)}";
        return service.Ports is [var only]
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"its port {only.Port} has no name; omit sectionName, or name the port in the service"
            )
            : "it has none";
    }

    /// <summary>Its ports by number, and of which the named one is the target, as that is easily taken for it.</summary>
    public static string Numbers(ClusterSnapshot snapshot, ObjectName name, ServiceRecord service, int named)
    {
        var has = service.Ports.Count == 0 ? "it has none" : $"it has {string.Join(", ", service.Ports.Select(p => p.Port))}";
        var targets = snapshot
            .EndpointSlices.Where(slice => slice.Key.Namespace == name.Namespace && slice.Value.Service == name.Name)
            .SelectMany(slice => slice.Value.Ports.Where(p => p.Port == named).Select(p => p.Name))
            .ToHashSet(StringComparer.Ordinal);
        return service.Ports.FirstOrDefault(p => targets.Contains(p.Name)) is { } port
            ? string.Create(CultureInfo.InvariantCulture, $"{has}; {named} is the targetPort of {port.Port}")
            : has;
    }
}
