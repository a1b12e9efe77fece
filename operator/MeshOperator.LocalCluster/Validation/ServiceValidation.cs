using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Validation;

/// <summary>Holds services against their rules.</summary>
internal static class ServiceValidation
{
    public static void Validate(JsonObject service, JsonObject? old, FieldErrors errors)
    {
        if (service.Object("spec") is not { } spec)
        {
            errors.Required("spec.ports");
            return;
        }

        var type = spec.Text("type") ?? "ClusterIP";
        if (type is not ("ClusterIP" or "ExternalName" or "LoadBalancer" or "NodePort"))
            errors.NotSupported("spec.type", type, ["\"ClusterIP\"", "\"ExternalName\"", "\"LoadBalancer\"", "\"NodePort\""]);
        var headless = spec.Text("clusterIP") == "None";
        if (spec.Array("ports") is not { Count: > 0 } && !headless && type != "ExternalName")
            errors.Required("spec.ports");
        if (type == "ExternalName")
        {
            if (string.IsNullOrEmpty(spec.Text("externalName")))
                errors.Required("spec.externalName");
            else
                Names.Check(spec.Text("externalName")!.TrimEnd('.'), NameFormat.Subdomain, "spec.externalName", errors);
        }

        Ports(spec, errors);
        Names.CheckLabels(spec.Object("selector"), "spec.selector", errors);
        if (spec.Text("sessionAffinity") is { } affinity && affinity is not ("ClientIP" or "None"))
            errors.NotSupported("spec.sessionAffinity", affinity, ["\"ClientIP\"", "\"None\""]);
        if (
            old?.Object("spec") is { } before
            && type != "ExternalName"
            && before.Text("type") != "ExternalName"
            && before.Text("clusterIP") is { Length: > 0 } ip
            && spec.Text("clusterIP") != ip
        )
            errors.Invalid("spec.clusterIPs[0]", spec["clusterIP"]?.DeepClone(), "may not change once set");
    }

    private static void Ports(JsonObject spec, FieldErrors errors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var numbers = new HashSet<(long?, string?)>();
        var count = spec.Array("ports")?.Count ?? 0;
        var index = 0;
        foreach (var port in spec.Objects("ports"))
        {
            var at = $"spec.ports[{index++}]";
            var name = port.Text("name") ?? "";
            if (name.Length == 0 && count > 1)
                errors.Required($"{at}.name");
            if (name.Length > 0)
            {
                Names.Check(name, NameFormat.Label, $"{at}.name", errors);
                if (!names.Add(name))
                    errors.Duplicate($"{at}.name", name);
            }

            if (port.Integer("port") is not (>= 1 and <= 65535))
                errors.Invalid($"{at}.port", port.Integer("port") ?? 0, "must be between 1 and 65535, inclusive");
            if (port["targetPort"].AsInteger() is < 1 or > 65535)
                errors.Invalid($"{at}.targetPort", port["targetPort"]!.DeepClone(), "must be between 1 and 65535, inclusive");
            PodValidation.Protocol(port, at, errors);
            if (!numbers.Add((port.Integer("port"), port.Text("protocol"))))
                errors.Duplicate(at, new JsonObject { ["port"] = port["port"]?.DeepClone(), ["protocol"] = port["protocol"]?.DeepClone() });
        }
    }
}
