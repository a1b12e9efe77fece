using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalCluster.Tests;

public sealed class AdmissionTests
{
    private const string Pods = "/api/v1/namespaces/default/pods";

    [Fact]
    public async Task A_mutating_webhook_patches_pods_before_they_are_stored()
    {
        var seen = new ConcurrentQueue<JsonNode>();
        await using var webhook = await WebhookServer.StartAsync(request =>
        {
            seen.Enqueue(request.DeepClone());
            var answer = WebhookServer.Allow(
                new JsonArray(JsonNode.Parse("""{"op":"add","path":"/spec/containers/-","value":{"name":"proxy","image":"envoy"}}"""))
            );
            answer["warnings"] = new JsonArray("mind the proxy");
            return answer;
        });
        await using var cluster = await RunningCluster.StartAsync(new LocalClusterOptions());
        await ConfigureAsync(cluster, "Mutating", webhook);

        var (code, pod, response) = await cluster.PostAsync(
            Pods,
            """{"metadata":{"generateName":"p-"},"spec":{"containers":[{"name":"app","image":"x"}]}}"""
        );

        code.ShouldBe(201, pod.ToJsonString());
        ((string)pod["spec"]!["containers"]![1]!["name"]!).ShouldBe("proxy");
        ((string)pod["spec"]!["containers"]![1]!["imagePullPolicy"]!).ShouldBe("Always");
        response.Headers.GetValues("Warning").ShouldBe(["299 - \"mind the proxy\""]);
        var request = seen.ShouldHaveSingleItem();
        ((string)request["operation"]!).ShouldBe("CREATE");
        ((string)request["userInfo"]!["username"]!).ShouldBe("kubernetes-admin");
        request["object"]!["metadata"]!["name"].ShouldBeNull();
    }

    [Fact]
    public async Task A_validating_webhooks_refusal_reaches_the_client_and_the_replica_sets_events()
    {
        await using var webhook = await WebhookServer.StartAsync(_ => WebhookServer.Deny("no pods today"));
        await using var cluster = await RunningCluster.StartAsync(new LocalClusterOptions());
        await ConfigureAsync(cluster, "Validating", webhook);

        var (code, body, _) = await cluster.PostAsync(Pods, Manifests.Pod("p"));
        await cluster.CreateAsync("/apis/apps/v1/namespaces/default/deployments", Manifests.Deployment("d", 1));

        code.ShouldBe(403);
        ((string)body["message"]!).ShouldBe("admission webhook \"pods.example.com\" denied the request: no pods today");
        await Eventually.Succeeds(async () =>
        {
            var events = (await cluster.GetAsync("/api/v1/namespaces/default/events?fieldSelector=reason%3DFailedCreate")).Body[
                "items"
            ]!.AsArray();
            ((string)events[0]!["message"]!).ShouldBe(
                "Error creating: admission webhook \"pods.example.com\" denied the request: no pods today"
            );
            ((string)events[0]!["involvedObject"]!["kind"]!).ShouldBe("ReplicaSet");
        });

        // Once the webhook is gone the replica set succeeds by itself.
        await cluster.SendAsync(HttpMethod.Delete, "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/test");
        await Eventually.Succeeds(async () => (await cluster.GetAsync(Pods)).Body["items"]!.AsArray().Count.ShouldBe(1));
    }

    [Fact]
    public async Task Selectors_decide_what_a_webhook_sees()
    {
        var calls = 0;
        await using var webhook = await WebhookServer.StartAsync(_ =>
        {
            Interlocked.Increment(ref calls);
            return WebhookServer.Allow();
        });
        await using var cluster = await RunningCluster.StartAsync(new LocalClusterOptions { WorkloadControllers = false });
        await ConfigureAsync(
            cluster,
            "Mutating",
            webhook,
            """
            ,"namespaceSelector":{"matchLabels":{"mesh":"on"}},"objectSelector":{"matchExpressions":[{"key":"skip",
            "operator":"DoesNotExist"}]}
            """
        );

        await cluster.CreateAsync(Pods, Manifests.Pod("a"));
        Volatile.Read(ref calls).ShouldBe(0);
        await cluster.PatchAsync("/api/v1/namespaces/default", "application/merge-patch+json", """{"metadata":{"labels":{"mesh":"on"}}}""");
        await cluster.CreateAsync(Pods, Manifests.Pod("b", """{"skip":"1"}"""));
        Volatile.Read(ref calls).ShouldBe(0);
        await cluster.CreateAsync(Pods, Manifests.Pod("c"));
        Volatile.Read(ref calls).ShouldBe(1);
    }

    [Theory]
    [InlineData("Fail", 500)]
    [InlineData("Ignore", 201)]
    public async Task A_webhook_that_cannot_be_reached_fails_or_is_ignored_as_configured(string policy, int expected)
    {
        var webhook = await WebhookServer.StartAsync(_ => WebhookServer.Allow());
        await using var cluster = await RunningCluster.StartAsync(new LocalClusterOptions());
        await ConfigureAsync(cluster, "Mutating", webhook, $",\"failurePolicy\":\"{policy}\"");
        await webhook.DisposeAsync();

        var (code, body, _) = await cluster.PostAsync(Pods, Manifests.Pod("p"));

        code.ShouldBe(expected);
        if (expected == 500)
            ((string)body["message"]!).ShouldBe(
                "Internal error occurred: failed calling webhook \"pods.example.com\": failed to call webhook: Post "
                    + $"\"https://127.0.0.1:{webhook.Port}/?timeout=10s\": dial tcp 127.0.0.1:{webhook.Port}: connect: connection refused"
            );
    }

    [Fact]
    public async Task A_certificate_of_another_authority_is_not_trusted()
    {
        await using var webhook = await WebhookServer.StartAsync(_ => WebhookServer.Allow());
        await using var other = await WebhookServer.StartAsync(_ => WebhookServer.Allow());
        await using var cluster = await RunningCluster.StartAsync(new LocalClusterOptions());
        await ConfigureAsync(cluster, "Mutating", webhook, caBundle: other.CaBundle);

        var (code, body, _) = await cluster.PostAsync(Pods, Manifests.Pod("p"));

        code.ShouldBe(500);
        ((string)body["message"]!).ShouldContain("x509");
    }

    [Fact]
    public async Task A_webhook_behind_a_service_is_found_through_its_endpoint_slice()
    {
        await using var webhook = await WebhookServer.StartAsync(_ => WebhookServer.Deny("found"), "hooks.default.svc");
        await using var cluster = await RunningCluster.StartAsync(new LocalClusterOptions());
        await cluster.CreateAsync(
            "/api/v1/namespaces/default/services",
            """{"metadata":{"name":"hooks"},"spec":{"ports":[{"port":443}]}}"""
        );
        await cluster.CreateAsync(
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
            $$"""
            {"metadata":{"name":"hooks","labels":{"kubernetes.io/service-name":"hooks"} },"addressType":"IPv4",
            "endpoints":[{"addresses":["127.0.0.1"]}],"ports":[{"port":{{webhook.Port}}}]}
            """
        );
        await ConfigureAsync(
            cluster,
            "Validating",
            webhook,
            client: """{"service":{"namespace":"default","name":"hooks","path":"/validate"}"""
        );

        var (_, body, _) = await cluster.PostAsync(Pods, Manifests.Pod("p"));

        ((string)body["message"]!).ShouldBe("admission webhook \"pods.example.com\" denied the request: found");
    }

    private static async Task ConfigureAsync(
        RunningCluster cluster,
        string type,
        WebhookServer webhook,
        string more = "",
        string? caBundle = null,
        string? client = null
    )
    {
        client ??= $"{{\"url\":\"https://127.0.0.1:{webhook.Port}\"";
        await cluster.CreateAsync(
            $"/apis/admissionregistration.k8s.io/v1/{type.ToLowerInvariant()}webhookconfigurations",
            $$"""
            {"metadata":{"name":"test"},"webhooks":[{"name":"pods.example.com","sideEffects":"None","admissionReviewVersions":["v1"],
             "clientConfig":{{client}},"caBundle":"{{caBundle ?? webhook.CaBundle}}"},
             "rules":[{"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"]}]{{more}}}]}
            """
        );
    }
}
