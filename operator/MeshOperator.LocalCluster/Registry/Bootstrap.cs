using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Registry;

/// <summary>What is in a cluster from the start.</summary>
internal sealed class Bootstrap(ObjectWriter writer, KindRegistry kinds)
{
    public static readonly IReadOnlyList<string> Namespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];
    private readonly WriteRequest _request = new(UserInfo.Controller("bootstrap"), "kube-apiserver");

    public async Task RunAsync(int port)
    {
        foreach (var name in Namespaces)
            await CreateAsync("", "namespaces", "", new JsonObject { ["metadata"] = new JsonObject { ["name"] = name } });
        foreach (var role in BootstrapRoles.Roles())
            await CreateAsync("rbac.authorization.k8s.io", "clusterroles", "", role);
        foreach (var binding in BootstrapRoles.Bindings())
            await CreateAsync("rbac.authorization.k8s.io", "clusterrolebindings", "", binding);
        await CreateAsync(
            "",
            "services",
            "default",
            new JsonObject
            {
                ["metadata"] = new JsonObject
                {
                    ["name"] = "kubernetes",
                    ["labels"] = new JsonObject { ["component"] = "apiserver", ["provider"] = "kubernetes" },
                },
                ["spec"] = new JsonObject
                {
                    ["ports"] = new JsonArray(
                        new JsonObject
                        {
                            ["name"] = "https",
                            ["port"] = 443L,
                            ["targetPort"] = (long)port,
                        }
                    ),
                },
            }
        );
        await CreateAsync(
            "discovery.k8s.io",
            "endpointslices",
            "default",
            new JsonObject
            {
                ["metadata"] = new JsonObject
                {
                    ["name"] = "kubernetes",
                    ["labels"] = new JsonObject { ["kubernetes.io/service-name"] = "kubernetes" },
                },
                ["addressType"] = "IPv4",
                ["endpoints"] = new JsonArray(
                    new JsonObject
                    {
                        ["addresses"] = new JsonArray("127.0.0.1"),
                        ["conditions"] = new JsonObject { ["ready"] = true },
                    }
                ),
                ["ports"] = new JsonArray(
                    new JsonObject
                    {
                        ["name"] = "https",
                        ["port"] = (long)port,
                        ["protocol"] = "TCP",
                    }
                ),
            }
        );
        await CreateAsync(
            "",
            "nodes",
            "",
            new JsonObject
            {
                ["metadata"] = new JsonObject
                {
                    ["name"] = "local",
                    ["labels"] = new JsonObject { ["kubernetes.io/hostname"] = "local", ["kubernetes.io/os"] = "linux" },
                },
            }
        );
        await NodeStatusAsync();
    }

    private Task<JsonObject> NodeStatusAsync()
    {
        var capacity = new JsonObject
        {
            ["cpu"] = "64",
            ["memory"] = "256Gi",
            ["pods"] = "10000",
        };
        return writer.UpdateAsync(
            kinds.Builtin("", "nodes"),
            "",
            "local",
            "status",
            node =>
            {
                node["status"] = new JsonObject
                {
                    ["capacity"] = capacity.DeepClone(),
                    ["allocatable"] = capacity.DeepClone(),
                    ["addresses"] = new JsonArray(
                        new JsonObject { ["type"] = "InternalIP", ["address"] = "127.0.0.1" },
                        new JsonObject { ["type"] = "Hostname", ["address"] = "local" }
                    ),
                    ["conditions"] = new JsonArray(
                        new JsonObject
                        {
                            ["type"] = "Ready",
                            ["status"] = "True",
                            ["reason"] = "KubeletReady",
                            ["message"] = "the stand-in kubelet is ready",
                            ["lastHeartbeatTime"] = node["metadata"]?["creationTimestamp"]?.DeepClone(),
                            ["lastTransitionTime"] = node["metadata"]?["creationTimestamp"]?.DeepClone(),
                        }
                    ),
                    ["nodeInfo"] = new JsonObject
                    {
                        ["kubeletVersion"] = "v1.32.4",
                        ["osImage"] = "none",
                        ["kernelVersion"] = "none",
                        ["containerRuntimeVersion"] = "none://0",
                        ["operatingSystem"] = "linux",
                        ["architecture"] = "amd64",
                        ["machineID"] = "",
                        ["systemUUID"] = "",
                        ["bootID"] = "",
                        ["kubeProxyVersion"] = "",
                    },
                };
                return node;
            },
            _request
        );
    }

    private Task<JsonObject> CreateAsync(string group, string plural, string @namespace, JsonObject content) =>
        writer.CreateAsync(kinds.Builtin(group, plural), @namespace, content, _request);
}
