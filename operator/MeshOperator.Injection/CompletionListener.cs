using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection.Settings;

namespace MeshOperator.Injection;

/// <summary>Where the operator orders the proxy to end when the pod's other containers have. A native sidecar is ended by the kubelet; a
/// classic one would keep a Job from completing. Mutual TLS, for the operator's identity alone.</summary>
internal static class CompletionListener
{
    private const string Name = "completion";

    /// <summary>Whether a pod needs it: it can end by itself, and by nothing but its containers' own rules. A container with a restart
    /// policy of its own may be started again after all have ended.</summary>
    public static bool IsNeeded(V1Pod pod, SidecarSettings settings) =>
        !settings.IsNative
        && pod.Spec.RestartPolicy is "Never" or "OnFailure"
        && pod.Spec.Containers.All(container => container is { RestartPolicy: null, RestartPolicyRules: null or { Count: 0 } });

    /// <summary>The listener. The proxy's limits hold for it: everybody can begin a handshake, and the order is repeated.</summary>
    /// <param name="identity">The SPIFFE identity that may give the order.</param>
    public static JsonObject Create(string identity)
    {
        var order = new JsonObject
        {
            ["match"] = AdminInterface.Match("POST", MeshNames.CompletionPath),
            ["route"] = new JsonObject { ["cluster"] = AdminInterface.ClusterName },
        };
        var refusal = AdminInterface.Refusal($"Only POST {MeshNames.CompletionPath} is accepted here.\n");
        var listener = EnvoyJson.Listener(
            Name,
            EnvoyJson.PodAddress,
            ProxyPort.Completion,
            EnvoyJson.ConnectionManager(Name, [order, refusal], [])
        );
        listener["filter_chains"]![0]!["transport_socket"] = Tls(identity);
        return listener;
    }

    private static JsonObject Tls(string identity) =>
        EnvoyJson.Filter(
            "envoy.transport_sockets.tls",
            "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            new JsonObject
            {
                ["require_client_certificate"] = true,
                ["common_tls_context"] = new JsonObject
                {
                    ["tls_params"] = new JsonObject
                    {
                        ["tls_minimum_protocol_version"] = "TLSv1_3",
                        ["tls_maximum_protocol_version"] = "TLSv1_3",
                    },
                    ["tls_certificate_sds_secret_configs"] = new JsonArray(Secret(MeshNames.IdentitySecret)),
                    ["combined_validation_context"] = new JsonObject
                    {
                        ["default_validation_context"] = Expect(identity),
                        ["validation_context_sds_secret_config"] = Secret(MeshNames.TrustBundleSecret),
                    },
                },
            }
        );

    private static JsonObject Expect(string identity) =>
        new()
        {
            ["match_typed_subject_alt_names"] = new JsonArray(
                new JsonObject
                {
                    ["san_type"] = "URI",
                    ["matcher"] = new JsonObject { ["exact"] = identity },
                }
            ),
        };

    /// <summary>From where the listeners that are discovered have them: word for word, so that the proxy asks once.</summary>
    private static JsonObject Secret(string name) =>
        new()
        {
            ["name"] = name,
            ["sds_config"] = new JsonObject { ["ads"] = new JsonObject(), ["resource_api_version"] = "V3" },
        };
}
