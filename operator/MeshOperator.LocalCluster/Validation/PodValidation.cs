using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Validation;

/// <summary>Holds pods and pod templates against the rules that users run into.</summary>
internal static partial class PodValidation
{
    private static readonly string[] Handlers = ["exec", "httpGet", "tcpSocket", "grpc"];
    private static readonly string[] RestartPolicies = ["Always", "OnFailure", "Never"];

    /// <summary>Reports faults of a pod spec at a path.</summary>
    /// <param name="node">The spec.</param>
    /// <param name="path">Where it is.</param>
    /// <param name="errors">Where faults go.</param>
    /// <param name="onlyRestartPolicy">The one that is allowed, if not all are.</param>
    /// <param name="claims">Names of volumes that the pods will have besides those of the spec.</param>
    public static void Spec(
        JsonNode? node,
        string path,
        FieldErrors errors,
        string? onlyRestartPolicy = null,
        IEnumerable<string>? claims = null
    )
    {
        if (node is not JsonObject spec)
        {
            errors.Required(path);
            return;
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        var volumes = Volumes(spec, $"{path}.volumes", errors);
        volumes.UnionWith(claims ?? []);
        if (spec.Array("containers") is not { Count: > 0 })
            errors.Required($"{path}.containers");
        Containers(spec, "containers", path, names, volumes, errors);
        Containers(spec, "initContainers", path, names, volumes, errors);
        var restart = spec.Text("restartPolicy") ?? "Always";
        if (onlyRestartPolicy is not null && restart != onlyRestartPolicy)
            errors.NotSupported($"{path}.restartPolicy", restart, [$"\"{onlyRestartPolicy}\""]);
        else if (!RestartPolicies.Contains(restart))
            errors.NotSupported($"{path}.restartPolicy", restart, ["\"Always\"", "\"OnFailure\"", "\"Never\""]);
        if (spec.Text("dnsPolicy") is { } dns && dns is not ("ClusterFirst" or "ClusterFirstWithHostNet" or "Default" or "None"))
            errors.NotSupported($"{path}.dnsPolicy", dns, ["\"ClusterFirst\"", "\"ClusterFirstWithHostNet\"", "\"Default\"", "\"None\""]);
        if (spec.Integer("terminationGracePeriodSeconds") is < 0 and var grace)
            errors.Invalid($"{path}.terminationGracePeriodSeconds", grace, "must be greater than or equal to 0");
        if (spec.Text("serviceAccountName") is { Length: > 0 } account)
            Names.Check(account, NameFormat.Subdomain, $"{path}.serviceAccountName", errors);
    }

    private static HashSet<string> Volumes(JsonObject spec, string path, FieldErrors errors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var index = 0;
        foreach (var volume in spec.Objects("volumes"))
        {
            var name = volume.Text("name") ?? "";
            if (name.Length == 0)
                errors.Required($"{path}[{index}].name");
            else
                Names.Check(name, NameFormat.Label, $"{path}[{index}].name", errors);
            if (name.Length > 0 && !names.Add(name))
                errors.Duplicate($"{path}[{index}].name", name);
            if (volume.Count > 2)
                errors.Forbidden($"{path}[{index}]", "may not specify more than 1 volume type");
            index++;
        }

        return names;
    }

    private static void Containers(
        JsonObject spec,
        string list,
        string path,
        HashSet<string> names,
        HashSet<string> volumes,
        FieldErrors errors
    )
    {
        var index = 0;
        foreach (var container in spec.Objects(list))
        {
            var at = $"{path}.{list}[{index++}]";
            var name = container.Text("name") ?? "";
            if (name.Length == 0)
                errors.Required($"{at}.name");
            else
                Names.Check(name, NameFormat.Label, $"{at}.name", errors);
            if (name.Length > 0 && !names.Add(name))
                errors.Duplicate($"{at}.name", name);
            if (string.IsNullOrEmpty(container.Text("image")))
                errors.Required($"{at}.image");
            if (container.Text("imagePullPolicy") is { } pull && pull is not ("Always" or "IfNotPresent" or "Never"))
                errors.NotSupported($"{at}.imagePullPolicy", pull, ["\"Always\"", "\"IfNotPresent\"", "\"Never\""]);
            Ports(container, at, errors);
            Environment(container, at, errors);
            Mounts(container, at, volumes, errors);
            if (list == "initContainers")
            {
                if (container.Text("restartPolicy") is { } restart && restart != "Always")
                    errors.NotSupported($"{at}.restartPolicy", restart, ["\"Always\""]);
                if (container.Text("restartPolicy") is null)
                    foreach (var probe in new[] { "livenessProbe", "readinessProbe", "startupProbe" })
                        if (container[probe] is not null)
                            errors.Forbidden($"{at}.{probe}", "may not be set for init containers without restartPolicy=Always");
            }

            foreach (var probe in new[] { "livenessProbe", "readinessProbe", "startupProbe" })
                if (container.Object(probe) is { } given && !Handlers.Any(given.ContainsKey))
                    errors.Required($"{at}.{probe}", "must specify a handler type");
        }
    }

    private static void Ports(JsonObject container, string path, FieldErrors errors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var index = 0;
        foreach (var port in container.Objects("ports"))
        {
            var at = $"{path}.ports[{index++}]";
            if (port.Text("name") is { Length: > 0 } name)
            {
                if (name.Length > 15)
                    errors.Invalid($"{at}.name", name, "must be no more than 15 characters");
                else if (!PortName().IsMatch(name) || !name.Any(char.IsAsciiLetter))
                    errors.Invalid($"{at}.name", name, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
                if (!names.Add(name))
                    errors.Duplicate($"{at}.name", name);
            }

            if (port.Integer("containerPort") is not { } number)
                errors.Required($"{at}.containerPort");
            else if (number is < 1 or > 65535)
                errors.Invalid($"{at}.containerPort", number, "must be between 1 and 65535, inclusive");
            Protocol(port, at, errors);
        }
    }

    public static void Protocol(JsonObject port, string at, FieldErrors errors)
    {
        if (port.Text("protocol") is { } protocol && protocol is not ("TCP" or "UDP" or "SCTP"))
            errors.NotSupported($"{at}.protocol", protocol, ["\"SCTP\"", "\"TCP\"", "\"UDP\""]);
    }

    private static void Environment(JsonObject container, string path, FieldErrors errors)
    {
        var index = 0;
        foreach (var variable in container.Objects("env"))
        {
            var at = $"{path}.env[{index++}]";
            if (string.IsNullOrEmpty(variable.Text("name")))
                errors.Required($"{at}.name");
            if (!string.IsNullOrEmpty(variable.Text("value")) && variable.Object("valueFrom") is { Count: > 0 })
                errors.Invalid($"{at}.valueFrom", "", "may not be specified when `value` is not empty");
        }
    }

    private static void Mounts(JsonObject container, string path, HashSet<string> volumes, FieldErrors errors)
    {
        var paths = new HashSet<string>(StringComparer.Ordinal);
        var index = 0;
        foreach (var mount in container.Objects("volumeMounts"))
        {
            var at = $"{path}.volumeMounts[{index++}]";
            var name = mount.Text("name") ?? "";
            if (name.Length == 0)
                errors.Required($"{at}.name");
            else if (!volumes.Contains(name))
                errors.NotFound($"{at}.name", name);
            if (mount.Text("mountPath") is not { Length: > 0 } target)
                errors.Required($"{at}.mountPath");
            else if (!paths.Add(target))
                errors.Invalid($"{at}.mountPath", target, "must be unique");
        }
    }

    [GeneratedRegex("^[a-z0-9]+(-[a-z0-9]+)*\\z")]
    private static partial Regex PortName();
}
