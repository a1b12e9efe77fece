using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalCluster.Tests;

public sealed class KubectlTests(ClusterFixture fixture)
{
    private const string StatusPatch = """
        "{\"status\":{\"conditions\":[{\"type\":\"Accepted\",\"status\":\"True\"}]}}"
        """;

    private readonly Kubectl _kubectl = fixture.Cluster.Kubectl;

    [Fact]
    public async Task Apply_get_describe_scale_roll_out_and_delete_work()
    {
        var name = await fixture.NamespaceAsync();
        (await _kubectl.RunAsync($"apply -n {name} -f -", Manifests.Deployment("web", 2))).ShouldContain("deployment.apps/web created");
        (await _kubectl.RunAsync($"apply -n {name} -f -", Manifests.Deployment("web", 2))).ShouldContain("deployment.apps/web unchanged");
        (await _kubectl.RunAsync($"apply -n {name} -f -", Manifests.Deployment("web", 2, "nginx:2"))).ShouldContain(
            "deployment.apps/web configured"
        );
        await _kubectl.RunAsync($"rollout status -n {name} deployment/web --timeout=30s");
        await _kubectl.RunAsync($"scale -n {name} deployment/web --replicas=3");
        await _kubectl.RunAsync($"rollout status -n {name} deployment/web --timeout=30s");
        await _kubectl.RunAsync($"wait -n {name} pod -l app=web --for=condition=Ready --timeout=30s");
        (await _kubectl.RunAsync($"get -n {name} deployment web -o wide")).ShouldMatch(
            @"NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\s+web +3/3 +3 +3 "
        );
        (await _kubectl.RunAsync($"get -n {name} pods")).ShouldContain("1/1     Running");
        (await _kubectl.RunAsync($"describe -n {name} deployment web")).ShouldContain("ScalingReplicaSet");
        (await _kubectl.RunAsync($"get -n {name} pods -o jsonpath={{.items[*].status.phase}}")).ShouldBe("Running Running Running");
        await _kubectl.RunAsync($"delete -n {name} deployment web --timeout=30s");
        await Eventually.Succeeds(async () => (await _kubectl.RunAsync($"get -n {name} pods")).ShouldContain("No resources found"));
    }

    [Fact]
    public async Task Commands_of_typed_clients_that_speak_protobuf_work()
    {
        var name = await fixture.NamespaceAsync();
        await _kubectl.RunAsync($"create -n {name} configmap c --from-literal=a=b");
        await _kubectl.RunAsync($"create -n {name} secret generic s --from-literal=a=b");
        await _kubectl.RunAsync($"create -n {name} deployment d --image=nginx --port=80 --replicas=2");
        await _kubectl.RunAsync($"expose -n {name} deployment d");
        await _kubectl.RunAsync($"create -n {name} role r --verb=get --resource=pods");

        (await _kubectl.RunAsync($"get -n {name} configmap c -o jsonpath={{.data.a}}")).ShouldBe("b");
        (await _kubectl.RunAsync($"get -n {name} secret s -o jsonpath={{.data.a}}")).ShouldBe("Yg==");
        (await _kubectl.RunAsync($"get -n {name} service d -o jsonpath={{.spec.ports[0].port}}")).ShouldBe("80");
        (await _kubectl.RunAsync($"get -n {name} deployment d -o jsonpath={{.spec.replicas}}")).ShouldBe("2");
        await Eventually.Succeeds(async () => (await _kubectl.RunAsync($"create -n {name} token default")).ShouldStartWith("eyJ"));
        (await _kubectl.RunAsync("auth can-i create pods")).ShouldStartWith("yes");
        (await _kubectl.RunAsync("auth whoami")).ShouldContain("kubernetes-admin");
    }

    [Fact]
    public async Task Server_side_apply_and_its_conflicts_work()
    {
        var name = await fixture.NamespaceAsync();
        await _kubectl.RunAsync($"apply -n {name} -f -", Manifests.Deployment("web", 0));
        await _kubectl.RunAsync($"apply -n {name} --server-side -f -", Manifests.Deployment("web", 0));

        var refused = await _kubectl.FailAsync(
            $"apply -n {name} --server-side --field-manager=other -f -",
            Manifests.Deployment("web", 0, "nginx:9")
        );
        await _kubectl.RunAsync(
            $"apply -n {name} --server-side --field-manager=other --force-conflicts -f -",
            Manifests.Deployment("web", 0, "nginx:9")
        );

        refused.ShouldContain("conflict with \"kubectl\": .spec.template.spec.containers[name=\"app\"].image");
        (await _kubectl.RunAsync($"get -n {name} deployment web -o jsonpath={{..image}}")).ShouldBe("nginx:9");
    }

    [Fact]
    public async Task Custom_resources_have_their_columns_short_names_categories_and_explanations()
    {
        await _kubectl.RunAsync("apply -f -", Manifests.Definition("kubectl.example.com"));
        var name = await fixture.NamespaceAsync();
        await _kubectl.RunAsync(
            $"apply -n {name} -f -",
            """{"apiVersion":"kubectl.example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":{"service":"web"}}"""
        );
        await _kubectl.RunAsync($"patch -n {name} widgets.kubectl.example.com w --subresource=status --type=merge -p {StatusPatch}");

        (await _kubectl.RunAsync($"get -n {name} widgets.kubectl.example.com")).ShouldMatch(
            @"NAME +MODE +ACCEPTED +AGE\s+w +Strict +True "
        );
        (await _kubectl.RunAsync($"wait -n {name} widgets.kubectl.example.com/w --for=condition=Accepted --timeout=10s")).ShouldContain(
            "condition met"
        );
        (await _kubectl.RunAsync("explain widgets.spec.attempts --api-version=kubectl.example.com/v1")).ShouldContain("<integer>");
        (await _kubectl.RunAsync($"describe -n {name} widgets.kubectl.example.com w")).ShouldContain("Service:  web");
        (await _kubectl.RunAsync("api-resources --api-group=kubectl.example.com --categories=gadgets")).ShouldContain("wd");
        (
            await _kubectl.FailAsync(
                $"apply -n {name} -f -",
                """{"apiVersion":"kubectl.example.com/v1","kind":"Widget","metadata":{"name":"v"},"spec":{"servise":"web"}}"""
            )
        ).ShouldContain("strict decoding error: unknown field \"spec.servise\"");
    }

    [Fact]
    public async Task Labels_annotations_selectors_and_namespaces_work()
    {
        var name = await fixture.NamespaceAsync();
        await _kubectl.RunAsync($"apply -n {name} -f -", Manifests.ConfigMap("a"));
        await _kubectl.RunAsync($"label -n {name} configmap a tier=front");
        await _kubectl.RunAsync($"annotate -n {name} configmap a note=x");

        (await _kubectl.RunAsync("get configmaps -A -l tier=front --no-headers")).ShouldContain(name);
        (await _kubectl.RunAsync($"get configmaps -n {name} --field-selector metadata.name=a -o name")).ShouldBe("configmap/a\n");
        (await _kubectl.RunAsync($"delete namespace {name} --timeout=30s")).ShouldContain("deleted");
        (await _kubectl.FailAsync($"get namespace {name}")).ShouldContain("not found");
    }

    [Fact]
    public async Task The_kinds_are_explained_and_listed()
    {
        (await _kubectl.RunAsync("explain deployment.spec.strategy.rollingUpdate")).ShouldContain("maxSurge");
        (await _kubectl.RunAsync("api-resources")).ShouldContain("endpointslices");
        (await _kubectl.RunAsync("version")).ShouldContain("Server Version: v1.32.4");
    }
}
