using System.Text.Json.Nodes;
using k8s;
using k8s.Autorest;
using k8s.Models;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalCluster.Tests;

public sealed class WriteTests(ClusterFixture fixture)
{
    private readonly RunningCluster _cluster = fixture.Cluster;

    [Fact]
    public async Task An_update_from_an_old_version_conflicts()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/configmaps";
        var created = await _cluster.CreateAsync(path, Manifests.ConfigMap("a"));
        await _cluster.PatchAsync(path + "/a", "application/merge-patch+json", """{"data":{"key":"2"}}""");

        var (code, body, _) = await _cluster.SendAsync(HttpMethod.Put, path + "/a", created.ToJsonString());

        code.ShouldBe(409);
        ((string)body["message"]!).ShouldBe(
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest "
                + "version and try again"
        );
    }

    [Fact]
    public async Task Fifty_writers_at_once_lose_no_change()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/configmaps";
        await _cluster.CreateAsync(path, Manifests.ConfigMap("a"));

        var answers = await Task.WhenAll(
            Enumerable
                .Range(0, 50)
                .Select(async i =>
                {
                    while (true)
                    {
                        var (code, _, _) = await _cluster.PatchAsync(
                            path + "/a",
                            "application/merge-patch+json",
                            $$$"""{"data":{"k{{{i}}}":"x"}}"""
                        );
                        if (code != 409)
                            return code;
                    }
                })
        );

        answers.ShouldAllBe(code => code == 200);
        (await _cluster.GetAsync(path + "/a")).Body["data"]!.AsObject().Count.ShouldBe(51);
    }

    [Fact]
    public async Task A_change_that_changes_nothing_keeps_the_resource_version()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/configmaps";
        var created = await _cluster.CreateAsync(path, Manifests.ConfigMap("a"));

        var (_, body, _) = await _cluster.PatchAsync(path + "/a", "application/merge-patch+json", """{"data":{"key":"1"}}""");

        body["metadata"]!["resourceVersion"]!.ToString().ShouldBe(created["metadata"]!["resourceVersion"]!.ToString());
    }

    [Fact]
    public async Task A_dry_run_answers_like_a_write_and_stores_nothing()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/services";

        var (code, body, _) = await _cluster.PostAsync(path + "?dryRun=All", Manifests.Service("s", "x"));

        code.ShouldBe(201);
        ((string)body["spec"]!["type"]!).ShouldBe("ClusterIP");
        (await _cluster.GetAsync(path + "/s")).Code.ShouldBe(404);
    }

    [Fact]
    public async Task A_missing_namespace_is_named_in_the_error()
    {
        var (code, body, _) = await _cluster.PostAsync("/api/v1/namespaces/nowhere/configmaps", Manifests.ConfigMap("a"));

        code.ShouldBe(404);
        ((string)body["message"]!).ShouldBe("namespaces \"nowhere\" not found");
    }

    [Fact]
    public async Task A_body_of_another_kind_type_or_size_is_refused()
    {
        var path = "/api/v1/namespaces/default/configmaps";

        (await _cluster.PostAsync(path, Manifests.Pod("p"))).Code.ShouldBe(400);
        (await _cluster.PostAsync(path, "not json")).Code.ShouldBe(400);
        (await _cluster.PostAsync(path, "[]")).Code.ShouldBe(400);
        (await _cluster.PostAsync(path, """{"metadata":[]}""")).Code.ShouldBe(400);
        (await _cluster.SendAsync(HttpMethod.Post, path, "x", "text/plain")).Code.ShouldBe(415);
        (await _cluster.SendAsync(HttpMethod.Post, path, Manifests.ConfigMap("a", new string('x', 4_000_000)))).Code.ShouldBe(413);
        (await _cluster.PostAsync(path, new string('[', 5000))).Code.ShouldBe(400);
    }

    [Fact]
    public async Task Yaml_is_read_like_json_and_its_duplicate_fields_are_noticed()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/configmaps";

        var good = await _cluster.SendAsync(
            HttpMethod.Post,
            path,
            "metadata:\n  name: a\ndata: {m: \"1\", t: 'yes'}\n",
            "application/yaml"
        );
        var twice = await _cluster.SendAsync(
            HttpMethod.Post,
            path + "?fieldValidation=Strict",
            "metadata: {name: b}\ndata: {a: x, a: y}\n",
            "application/yaml"
        );

        good.Code.ShouldBe(201);
        good.Body["data"]!.ToJsonString().ShouldBe("""{"m":"1","t":"yes"}""");
        twice.Code.ShouldBe(400);
    }

    [Theory]
    [InlineData(
        """{"spec":{"replicas":"x"}}""",
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
    )]
    [InlineData(
        """{"spec":{"template":{"spec":{"containers":{}}}}}""",
        "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container"
    )]
    public async Task A_builtin_field_of_the_wrong_type_is_a_bad_request(string deployment, string message)
    {
        var (code, body, _) = await _cluster.PostAsync("/apis/apps/v1/namespaces/default/deployments", deployment);

        code.ShouldBe(400);
        ((string)body["message"]!).ShouldBe($"Deployment in version \"v1\" cannot be handled as a Deployment: {message}");
    }

    [Fact]
    public async Task The_csharp_client_sees_a_refusal_as_the_real_servers_status()
    {
        var name = await fixture.NamespaceAsync();
        var pod = new V1Pod
        {
            Metadata = new V1ObjectMeta { Name = "Bad_Name" },
            Spec = new V1PodSpec { Containers = [new V1Container { Name = "c" }] },
        };

        var refused = await Should.ThrowAsync<HttpOperationException>(() =>
            _cluster.Client.CoreV1.CreateNamespacedPodAsync(pod, name, cancellationToken: TestContext.Current.CancellationToken)
        );

        ((int)refused.Response.StatusCode).ShouldBe(422);
        var causes = JsonNode.Parse(refused.Response.Content)!["details"]!["causes"]!.AsArray();
        causes.Select(c => (string)c!["field"]!).ShouldBe(["metadata.name", "spec.containers[0].image"]);
    }

    [Fact]
    public async Task An_object_with_finalizers_waits_for_them_and_takes_no_new_ones()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/configmaps";
        await _cluster.CreateAsync(path, """{"metadata":{"name":"a","finalizers":["example.com/hold"]}}""");

        (await _cluster.SendAsync(HttpMethod.Delete, path + "/a")).Code.ShouldBe(200);
        var added = await _cluster.PatchAsync(
            path + "/a",
            "application/json-patch+json",
            """[{"op":"add","path":"/metadata/finalizers/-","value":"example.com/more"}]"""
        );
        added.Code.ShouldBe(422);
        ((string)added.Body["message"]!).ShouldContain(
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted"
        );
        (await _cluster.PatchAsync(path + "/a", "application/merge-patch+json", """{"metadata":{"finalizers":[]}}""")).Code.ShouldBe(200);

        (await _cluster.GetAsync(path + "/a")).Code.ShouldBe(404);
    }

    [Theory]
    [InlineData("Background", true)]
    [InlineData("Foreground", true)]
    [InlineData("Orphan", false)]
    public async Task What_an_object_owns_goes_with_it_unless_orphaned(string policy, bool goes)
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/configmaps";
        var owner = await _cluster.CreateAsync(path, Manifests.ConfigMap("owner"));
        await _cluster.CreateAsync(
            path,
            $$$"""
            {"metadata":{"name":"owned","ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"owner",
            "uid":"{{{owner["metadata"]!["uid"]}}}","blockOwnerDeletion":true}]}}
            """
        );

        await _cluster.SendAsync(
            HttpMethod.Delete,
            path + "/owner",
            $$"""{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"{{policy}}"}"""
        );

        await Eventually.Succeeds(async () =>
        {
            (await _cluster.GetAsync(path + "/owner")).Code.ShouldBe(404);
            (await _cluster.GetAsync(path + "/owned")).Code.ShouldBe(goes ? 404 : 200);
        });
        if (!goes)
            (await _cluster.GetAsync(path + "/owned")).Body["metadata"]!["ownerReferences"]?.AsArray().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_deleted_namespace_is_emptied_and_takes_nothing_new()
    {
        var name = await fixture.NamespaceAsync();
        var path = $"/api/v1/namespaces/{name}/configmaps";
        await _cluster.CreateAsync(path, """{"metadata":{"name":"a","finalizers":["example.com/hold"]}}""");
        await _cluster.SendAsync(HttpMethod.Delete, $"/api/v1/namespaces/{name}");

        var (code, body, _) = await _cluster.PostAsync(path, Manifests.ConfigMap("b"));
        code.ShouldBe(403);
        ((string)body["message"]!).ShouldBe(
            $"configmaps \"b\" is forbidden: unable to create new content in namespace {name} because it is being terminated"
        );
        await _cluster.PatchAsync(path + "/a", "application/merge-patch+json", """{"metadata":{"finalizers":null}}""");

        await Eventually.Succeeds(async () => (await _cluster.GetAsync($"/api/v1/namespaces/{name}")).Code.ShouldBe(404));
    }

    [Fact]
    public async Task Events_of_one_api_group_are_seen_through_the_other()
    {
        var name = await fixture.NamespaceAsync();
        await _cluster.CreateAsync(
            $"/apis/events.k8s.io/v1/namespaces/{name}/events",
            $$$"""
            {"metadata":{"name":"e"},"regarding":{"kind":"Pod","name":"p","namespace":"{{{name}}}"},"reason":"R","note":"hello",
            "type":"Normal","eventTime":"2026-01-01T00:00:00.000000Z","reportingController":"c","action":"a","reportingInstance":"i"}
            """
        );

        var core = (await _cluster.GetAsync($"/api/v1/namespaces/{name}/events?fieldSelector=involvedObject.name%3Dp")).Body;

        ((string)core["items"]![0]!["message"]!).ShouldBe("hello");
        ((string)core["items"]![0]!["apiVersion"]!).ShouldBe("v1");
    }
}
