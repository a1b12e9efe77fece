using k8s.Models;
using MeshOperator.Api;

namespace MeshOperator.Injection.Settings;

/// <summary>Reads the resources of the mesh's containers.</summary>
internal static class ContainerResources
{
    private const string Cpu = "cpu";
    private const string Memory = "memory";

    /// <summary>The proxy's.</summary>
    public static V1ResourceRequirements ForProxy(SettingReader reader, InjectionOptions options) =>
        Read(
            reader,
            [
                new Amounts(
                    Cpu,
                    new Setting(SidecarAnnotations.ProxyCpu, options.ProxyCpu),
                    new Setting(SidecarAnnotations.ProxyCpuLimit, options.ProxyCpuLimit)
                ),
                new Amounts(
                    Memory,
                    new Setting(SidecarAnnotations.ProxyMemory, options.ProxyMemory),
                    new Setting(SidecarAnnotations.ProxyMemoryLimit, options.ProxyMemoryLimit)
                ),
            ]
        );

    /// <summary>The init container's: the proxy's where nothing else is said. What a pod needs is the larger of what its init containers
    /// and its other ones need, so these cost nothing, and whatever the proxy satisfies (a quota, a range, a class), they do.</summary>
    public static V1ResourceRequirements ForInit(SettingReader reader, InjectionOptions options, V1ResourceRequirements proxy) =>
        Read(
            reader,
            [
                new Amounts(
                    Cpu,
                    new Setting(SidecarAnnotations.InitCpu, Or(options.InitCpu, proxy.Requests, Cpu)),
                    new Setting(SidecarAnnotations.InitCpuLimit, Or(options.InitCpuLimit, proxy.Limits, Cpu))
                ),
                new Amounts(
                    Memory,
                    new Setting(SidecarAnnotations.InitMemory, Or(options.InitMemory, proxy.Requests, Memory)),
                    new Setting(SidecarAnnotations.InitMemoryLimit, Or(options.InitMemoryLimit, proxy.Limits, Memory))
                ),
            ]
        );

    private static string Or(string option, IDictionary<string, ResourceQuantity>? proxy, string resource) =>
        option.Length > 0 ? option
        : proxy?.TryGetValue(resource, out var amount) == true ? amount.ToString()
        : string.Empty;

    /// <summary>A request that nobody asked for gives way to a lower limit that somebody did.</summary>
    private static V1ResourceRequirements Read(SettingReader reader, IEnumerable<Amounts> resources)
    {
        var requests = new Dictionary<string, ResourceQuantity>();
        var limits = new Dictionary<string, ResourceQuantity>();
        foreach (var (resource, request, limit) in resources)
        {
            var most = reader.Optional(limit.Annotation, limit.Default, SettingValues.Quantity);
            var least = reader.Optional(request.Annotation, request.Default, SettingValues.Quantity);
            if (most is not null)
                limits[resource] = most;
            if (least is not null && most is not null && !reader.Has(request.Annotation) && least.ToDecimal() > most.ToDecimal())
                least = most;
            if (least is not null)
                requests[resource] = least;
        }

        return new V1ResourceRequirements { Requests = requests.Count > 0 ? requests : null, Limits = limits.Count > 0 ? limits : null };
    }

    private sealed record Amounts(string Resource, Setting Request, Setting Limit);

    private sealed record Setting(string Annotation, string Default);
}
