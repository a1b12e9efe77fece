using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Defaults;

/// <summary>The defaults of services; the cluster IP comes from the allocator.</summary>
internal static class ServiceDefaults
{
    public static void Apply(JsonObject service)
    {
        var spec = service.Ensure("spec");
        spec.Default("type", "ClusterIP");
        spec.Default("sessionAffinity", "None");
        if (spec.Text("sessionAffinity") == "ClientIP")
            spec.Default("sessionAffinityConfig", new JsonObject { ["clientIP"] = new JsonObject { ["timeoutSeconds"] = 10800 } });
        foreach (var port in spec.Objects("ports"))
        {
            port.Default("protocol", "TCP");
            if (port["targetPort"] is null || port["targetPort"].AsInteger() == 0 || port.Text("targetPort") == "")
                port["targetPort"] = port["port"]?.DeepClone();
        }

        if (spec.Text("type") == "ExternalName")
        {
            foreach (var field in new[] { "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy" })
                spec.Remove(field);
            return;
        }

        spec.Default("internalTrafficPolicy", "Cluster");
        spec.Default("ipFamilies", new JsonArray("IPv4"));
        spec.Default("ipFamilyPolicy", "SingleStack");
        if (spec.Text("type") is "NodePort" or "LoadBalancer")
            spec.Default("externalTrafficPolicy", "Cluster");
        if (spec.Text("type") == "LoadBalancer")
            spec.Default("allocateLoadBalancerNodePorts", true);
    }

    /// <summary>An update that leaves out the addresses keeps them.</summary>
    public static void CarryOver(JsonObject service, JsonObject old)
    {
        if (service.Object("spec") is not { } spec || old.Object("spec") is not { } before)
            return;
        if (spec.Text("type") == "ExternalName" || before.Text("type") == "ExternalName")
            return;
        if (string.IsNullOrEmpty(spec.Text("clusterIP")) && before["clusterIP"] is { } ip)
            spec["clusterIP"] = ip.DeepClone();
        if (before["clusterIPs"] is { } ips && spec.Text("clusterIP") == before.Text("clusterIP"))
            spec.Default("clusterIPs", ips.DeepClone());
        foreach (var port in spec.Objects("ports"))
        {
            var same = before
                .Objects("ports")
                .FirstOrDefault(p =>
                    JsonAccess.Same(p["port"], port["port"]) && (p.Text("protocol") ?? "TCP") == (port.Text("protocol") ?? "TCP")
                );
            if (same?["nodePort"] is { } node && spec.Text("type") is "NodePort" or "LoadBalancer")
                port.Default("nodePort", same!["nodePort"]!.DeepClone());
        }
    }
}
