using System.Text.Json.Nodes;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalCluster.Tests;

public sealed class CustomResourceTests(ClusterFixture fixture)
{
    private readonly RunningCluster _cluster = fixture.Cluster;

    [Fact]
    public async Task A_definition_is_served_as_soon_as_it_is_created()
    {
        var path = await DefineAsync("served.example.com");

        (await _cluster.GetAsync(path)).Code.ShouldBe(200);
        var definition = (
            await _cluster.GetAsync("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.served.example.com")
        ).Body;
        definition["status"]!["conditions"]!
            .AsArray()
            .ShouldContain(c => (string)c!["type"]! == "Established" && (string)c["status"]! == "True");
        (await _cluster.GetAsync("/apis/served.example.com/v1")).Body["resources"]!.AsArray().Count.ShouldBe(2);
    }

    [Theory]
    [InlineData(
        """{"service":"web","backends":[{"name":"a","weight":-1}]}""",
        "spec.backends[0].weight: Invalid value: -1: spec.backends[0].weight in body should be greater than or equal to 0"
    )]
    [InlineData("""{"service":"web","mode":"x"}""", "spec.mode: Unsupported value: \"x\": supported values: \"Strict\", \"Permissive\"")]
    [InlineData("""{"mode":"Strict"}""", "spec.service: Required value")]
    [InlineData("""{"service":null}""", "spec.service: Required value")]
    [InlineData("""{"service":"A9"}""", "spec.service: Invalid value: \"A9\": spec.service in body should match '^[a-z]+$'")]
    [InlineData("""{"service":"a\n"}""", "spec.service: Invalid value: \"a\\n\": spec.service in body should match '^[a-z]+$'")]
    [InlineData("""{"service":""}""", "spec.service: Invalid value: \"\": spec.service in body should be at least 1 chars long")]
    [InlineData(
        """{"service":"web","attempts":"3"}""",
        "spec.attempts: Invalid value: \"string\": spec.attempts in body must be of type integer: \"string\""
    )]
    [InlineData(
        """{"service":"web","attempts":11}""",
        "spec.attempts: Invalid value: 11: spec.attempts in body should be less than or equal to 10"
    )]
    [InlineData("""{"service":"web","tags":["a","a"]}""", "spec.tags[1]: Duplicate value: \"a\"")]
    [InlineData("""{"service":"web","backends":[{"name":"a"},{"name":"a"}]}""", "spec.backends[1]: Duplicate value: {\"name\":\"a\"}")]
    [InlineData(
        """{"service":"web","backends":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]}""",
        "spec.backends: Too many: 4: must have at most 3 items"
    )]
    public async Task An_object_that_breaks_the_schema_is_refused_in_the_real_servers_words(string spec, string message)
    {
        var path = await DefineAsync("schema.example.com");

        var (code, body, _) = await _cluster.PostAsync(path, $$"""{"metadata":{"name":"a"},"spec":{{spec}}}""");

        code.ShouldBe(422);
        ((string)body["message"]!).ShouldBe($"Widget.schema.example.com \"a\" is invalid: {message}");
        body["details"]!["causes"]!.AsArray().Count.ShouldBe(1);
    }

    [Fact]
    public async Task Defaults_are_filled_in_and_unknown_fields_are_pruned_with_a_warning()
    {
        var path = await DefineAsync("defaults.example.com");

        var (code, body, response) = await _cluster.PostAsync(
            path,
            """
            {"metadata":{"name":"a"},"spec":{"service":"web","colour":"red","free":{"any":1},"port":"http","backends":[{"name":"x",
            "size":2}]}}
            """
        );

        code.ShouldBe(201);
        body["spec"]!
            .ToJsonString()
            .ShouldBe("""{"service":"web","free":{"any":1},"port":"http","backends":[{"name":"x","weight":1}],"mode":"Strict"}""");
        response
            .Headers.GetValues("Warning")
            .ShouldBe(["299 - \"unknown field \\\"spec.colour\\\"\"", "299 - \"unknown field \\\"spec.backends[0].size\\\"\""]);
    }

    [Fact]
    public async Task Strict_field_validation_refuses_unknown_and_duplicate_fields()
    {
        var path = await DefineAsync("strict.example.com");

        var unknown = await _cluster.PostAsync(
            path + "?fieldValidation=Strict",
            """{"metadata":{"name":"a"},"spec":{"service":"web","x":1}}"""
        );
        var duplicate = await _cluster.PostAsync(
            path + "?fieldValidation=Strict",
            """{"metadata":{"name":"a"},"spec":{"service":"web","service":"web"}}"""
        );

        unknown.Code.ShouldBe(400);
        ((string)unknown.Body["message"]!).ShouldEndWith("strict decoding error: unknown field \"spec.x\"");
        duplicate.Code.ShouldBe(400);
        ((string)duplicate.Body["message"]!).ShouldEndWith("strict decoding error: duplicate field \"spec.service\"");
    }

    [Fact]
    public async Task The_status_is_a_resource_of_its_own_and_only_the_spec_counts_generations()
    {
        var path = await DefineAsync("status.example.com");
        await _cluster.CreateAsync(path, """{"metadata":{"name":"a"},"spec":{"service":"web"},"status":{"x":1}}""");

        var created = (await _cluster.GetAsync(path + "/a")).Body;
        await _cluster.PatchAsync(path + "/a/status", "application/merge-patch+json", """{"spec":{"service":"other"},"status":{"y":2}}""");
        var withStatus = (await _cluster.GetAsync(path + "/a")).Body;
        await _cluster.PatchAsync(path + "/a", "application/merge-patch+json", """{"spec":{"attempts":2},"status":null}""");
        var withSpec = (await _cluster.GetAsync(path + "/a")).Body;

        created["status"].ShouldBeNull();
        withStatus["status"]!.ToJsonString().ShouldBe("""{"y":2}""");
        ((string)withStatus["spec"]!["service"]!).ShouldBe("web");
        ((int)withStatus["metadata"]!["generation"]!).ShouldBe(1);
        withSpec["status"]!.ToJsonString().ShouldBe("""{"y":2}""");
        ((int)withSpec["metadata"]!["generation"]!).ShouldBe(2);
    }

    [Fact]
    public async Task A_definition_that_is_not_structural_is_refused()
    {
        var (code, body, _) = await _cluster.PostAsync(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            Manifests
                .Definition("bad.example.com")
                .Replace("\"minLength\":1,", "\"minLength\":1,\"x\":0,", StringComparison.Ordinal)
                .Replace("{\"type\":\"integer\",\"minimum\":1", "{\"minimum\":1", StringComparison.Ordinal)
        );

        code.ShouldBe(422);
        ((string)body["message"]!).ShouldContain(
            "properties[spec].properties[attempts].type: Required value: must not be empty for specified object fields"
        );
    }

    [Fact]
    public async Task Deleting_a_definition_deletes_its_objects_and_ends_its_service()
    {
        var path = await DefineAsync("gone.example.com");
        await _cluster.CreateAsync(path, """{"metadata":{"name":"a","finalizers":["example.com/hold"]},"spec":{"service":"web"}}""");

        await _cluster.SendAsync(HttpMethod.Delete, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.gone.example.com");
        await MeshOperator.Testing.Eventually.Succeeds(async () =>
            (await _cluster.GetAsync(path + "/a")).Body["metadata"]!["deletionTimestamp"].ShouldNotBeNull()
        );
        (await _cluster.PatchAsync(path + "/a", "application/merge-patch+json", """{"metadata":{"finalizers":null}}""")).Code.ShouldBe(200);

        await MeshOperator.Testing.Eventually.Succeeds(async () => (await _cluster.GetAsync(path)).Code.ShouldBe(404));
    }

    [Fact]
    public async Task Every_served_version_shows_the_same_objects_under_its_own_name()
    {
        var definition = JsonNode.Parse(Manifests.Definition("versions.example.com"))!;
        var second = definition["spec"]!["versions"]![0]!.DeepClone();
        second["name"] = "v2";
        second["storage"] = false;
        definition["spec"]!["versions"]!.AsArray().Add(second);
        await _cluster.CreateAsync("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition.ToJsonString());
        await _cluster.CreateAsync(
            "/apis/versions.example.com/v2/namespaces/default/widgets",
            """{"metadata":{"name":"a"},"spec":{"service":"web"}}"""
        );

        var list = (await _cluster.GetAsync("/apis/versions.example.com/v1/widgets")).Body;
        var one = (await _cluster.GetAsync("/apis/versions.example.com/v2/namespaces/default/widgets/a")).Body;

        ((string)list["items"]![0]!["apiVersion"]!).ShouldBe("versions.example.com/v1");
        ((string)one["apiVersion"]!).ShouldBe("versions.example.com/v2");
    }

    private async Task<string> DefineAsync(string group)
    {
        var (code, body, _) = await _cluster.PostAsync(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            Manifests.Definition(group)
        );
        code.ShouldBeOneOf([201, 409], body.ToJsonString());
        return $"/apis/{group}/v1/namespaces/default/widgets";
    }
}
