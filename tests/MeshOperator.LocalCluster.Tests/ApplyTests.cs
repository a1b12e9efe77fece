using System.Text.Json.Nodes;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalCluster.Tests;

public sealed class ApplyTests(ClusterFixture fixture)
{
    private const string Type = "application/apply-patch+yaml";
    private readonly RunningCluster _cluster = fixture.Cluster;

    [Fact]
    public async Task Two_managers_share_an_object_and_own_their_own_fields()
    {
        var path = $"/apis/apps/v1/namespaces/{await fixture.NamespaceAsync()}/deployments/d";
        await ApplyAsync(path, "one", Manifests.Deployment("d", 1));

        var (code, body, _) = await ApplyAsync(
            path,
            "two",
            """
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","labels":{"team":"x"}},
            "spec":{"template":{"spec":{"containers":[{"name":"app","env":[{"name":"A","value":"1"}]}]}}}}
            """
        );

        code.ShouldBe(200, body.ToJsonString());
        var container = body["spec"]!["template"]!["spec"]!["containers"]![0]!;
        ((string)container["image"]!).ShouldBe("nginx:1");
        ((string)container["env"]![0]!["value"]!).ShouldBe("1");
        body["metadata"]!["managedFields"]!
            .AsArray()
            .Select(m => (string)m!["manager"]!)
            .ShouldBeSubsetOf(["one", "two", "deployment-controller"]);
    }

    [Fact]
    public async Task Changing_another_managers_field_conflicts_until_forced()
    {
        var path = $"/apis/apps/v1/namespaces/{await fixture.NamespaceAsync()}/deployments/d";
        await ApplyAsync(path, "one", Manifests.Deployment("d", 0));

        var refused = await ApplyAsync(path, "two", Manifests.Deployment("d", 0, "nginx:2"));
        var forced = await ApplyAsync(path + "?", "two", Manifests.Deployment("d", 0, "nginx:2"), force: true);
        var lost = await ApplyAsync(path, "one", Manifests.Deployment("d", 0));

        refused.Code.ShouldBe(409);
        ((string)refused.Body["message"]!).ShouldBe(
            "Apply failed with 1 conflict: conflict with \"one\": .spec.template.spec.containers[name=\"app\"].image"
        );
        ((string)refused.Body["details"]!["causes"]![0]!["reason"]!).ShouldBe("FieldManagerConflict");
        forced.Code.ShouldBe(200);
        lost.Code.ShouldBe(409);
    }

    [Fact]
    public async Task What_a_manager_no_longer_applies_goes_unless_another_owns_it()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/configmaps/c";
        await ApplyAsync(
            path,
            "one",
            """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","labels":{"l":"1"}},"data":{"a":"1","b":"2","c":"3"}}"""
        );
        await ApplyAsync(path, "two", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"b":"2"}}""");

        var (_, body, _) = await ApplyAsync(
            path,
            "one",
            """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"c":"3"}}"""
        );

        body["data"]!.ToJsonString().ShouldBe("""{"b":"2","c":"3"}""");
        body["metadata"]!["labels"].ShouldBeNull();
    }

    [Fact]
    public async Task Keyed_lists_of_custom_resources_merge_by_their_keys()
    {
        await _cluster.PostAsync("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", Manifests.Definition("apply.example.com"));
        var path = $"/apis/apply.example.com/v1/namespaces/{await fixture.NamespaceAsync()}/widgets/w";
        string Widget(string backends) =>
            $$$"""
                {"apiVersion":"apply.example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":{"service":"web",
                "backends":{{{backends}}}}}
                """;
        await ApplyAsync(path, "one", Widget("""[{"name":"a","weight":1}]"""));
        await ApplyAsync(path, "two", Widget("""[{"name":"b","weight":2}]"""));

        var (_, body, _) = await ApplyAsync(path, "one", Widget("""[{"name":"c"}]"""));

        body["spec"]!["backends"]!.ToJsonString().ShouldBe("""[{"name":"b","weight":2},{"name":"c","weight":1}]""");
    }

    [Fact]
    public async Task Applying_the_same_again_changes_nothing()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/services/s";
        var first = await ApplyAsync(path, "one", Manifests.Service("s", "x"));

        var second = await ApplyAsync(path, "one", Manifests.Service("s", "x"));

        second.Body["metadata"]!["resourceVersion"]!.ToString().ShouldBe(first.Body["metadata"]!["resourceVersion"]!.ToString());
    }

    [Fact]
    public async Task An_apply_without_a_field_manager_is_refused()
    {
        var (code, body, _) = await _cluster.PatchAsync("/api/v1/namespaces/default/configmaps/c", Type, Manifests.ConfigMap("c"));

        code.ShouldBe(400);
        ((string)body["message"]!).ShouldContain("fieldManager: Required value");
    }

    [Theory]
    [InlineData("""{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"y"}]}}}}""", "app,side")]
    [InlineData(
        """
            {"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"side"},{"name":"app"}],"containers":[{"name":"side",
            "image":"y"}]}}}}
            """,
        "side,app"
    )]
    [InlineData("""{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"y"},{"name":"app","$patch":"delete"}]}}}}""", "side")]
    [InlineData("""{"spec":{"template":{"spec":{"containers":[{"$patch":"replace"},{"name":"new","image":"z"}]}}}}""", "new")]
    public async Task A_strategic_merge_patch_merges_containers_by_name(string patch, string names)
    {
        var path = $"/apis/apps/v1/namespaces/{await fixture.NamespaceAsync()}/deployments";
        await _cluster.CreateAsync(path, Manifests.Deployment("d", 0));

        var (code, body, _) = await _cluster.PatchAsync(path + "/d", "application/strategic-merge-patch+json", patch);

        code.ShouldBe(200, body.ToJsonString());
        string.Join(',', body["spec"]!["template"]!["spec"]!["containers"]!.AsArray().Select(c => (string)c!["name"]!)).ShouldBe(names);
    }

    [Fact]
    public async Task A_json_patch_applies_as_a_whole_or_not_at_all()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/configmaps";
        await _cluster.CreateAsync(path, Manifests.ConfigMap("a"));

        var failed = await _cluster.PatchAsync(
            path + "/a",
            "application/json-patch+json",
            """[{"op":"replace","path":"/data/key","value":"2"},{"op":"test","path":"/data/key","value":"3"}]"""
        );
        var done = await _cluster.PatchAsync(
            path + "/a",
            "application/json-patch+json",
            """[{"op":"copy","from":"/data/key","path":"/data/other"},{"op":"remove","path":"/data/key"}]"""
        );

        failed.Code.ShouldBe(422);
        done.Code.ShouldBe(200);
        JsonNode.DeepEquals((await _cluster.GetAsync(path + "/a")).Body["data"], JsonNode.Parse("""{"other":"1"}""")).ShouldBeTrue();
    }

    private Task<(int Code, JsonNode Body, HttpResponseMessage Response)> ApplyAsync(
        string path,
        string manager,
        string config,
        bool force = false
    ) => _cluster.PatchAsync($"{path.TrimEnd('?')}?fieldManager={manager}{(force ? "&force=true" : "")}", Type, config);
}
