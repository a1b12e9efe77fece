using System.Text.Json.Nodes;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalCluster.Tests;

public sealed class AuthorizationTests(ClusterFixture fixture)
{
    private readonly RunningCluster _cluster = fixture.Cluster;

    [Theory]
    [InlineData(
        "GET",
        "/api/v1/namespaces/NS/pods",
        "pods is forbidden: User \"USER\" cannot list resource \"pods\" in API group \"\" in the namespace \"NS\""
    )]
    [InlineData(
        "GET",
        "/api/v1/pods?watch=1",
        "pods is forbidden: User \"USER\" cannot watch resource \"pods\" in API group \"\" at the cluster scope"
    )]
    [InlineData(
        "GET",
        "/api/v1/namespaces/NS",
        "namespaces \"NS\" is forbidden: User \"USER\" cannot get resource \"namespaces\" in API group \"\" in the namespace \"NS\""
    )]
    [InlineData(
        "DELETE",
        "/apis/apps/v1/namespaces/NS/deployments/d",
        "deployments.apps \"d\" is forbidden: User \"USER\" cannot delete resource \"deployments\" in API group \"apps\" in the "
            + "namespace \"NS\""
    )]
    [InlineData(
        "GET",
        "/api/v1/namespaces/NS/pods/p/status",
        "pods \"p\" is forbidden: User \"USER\" cannot get resource \"pods/status\" in API group \"\" in the namespace \"NS\""
    )]
    [InlineData("GET", "/metrics", "forbidden: User \"USER\" cannot get path \"/metrics\"")]
    public async Task Without_a_binding_an_account_is_refused_with_the_verb_and_the_resource(string method, string path, string message)
    {
        var account = await AccountAsync();

        var (code, body, _) = await _cluster.SendAsync(
            new HttpMethod(method),
            path.Replace("NS", account.Namespace, StringComparison.Ordinal),
            token: account.Token
        );

        code.ShouldBe(403, body.ToJsonString());
        ((string)body["reason"]!).ShouldBe("Forbidden");
        ((string)body["message"]!).ShouldBe(
            message.Replace("USER", account.User, StringComparison.Ordinal).Replace("NS", account.Namespace, StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData("/version")]
    [InlineData("/api")]
    [InlineData("/apis/apps/v1")]
    [InlineData("/openapi/v2")]
    [InlineData("/readyz")]
    public async Task Without_a_binding_an_account_may_look_at_discovery_and_health(string path)
    {
        var account = await AccountAsync();

        (await _cluster.SendAsync(HttpMethod.Get, path, token: account.Token)).Code.ShouldBe(200);
    }

    [Fact]
    public async Task A_role_binding_holds_in_its_namespace_only_and_from_the_moment_it_is_there()
    {
        var account = await AccountAsync();
        var other = await fixture.NamespaceAsync();
        await BindAsync(account, """{"apiGroups":[""],"resources":["configmaps"],"verbs":["get","list"]}""");

        (await GetAsync(account, $"/api/v1/namespaces/{account.Namespace}/configmaps")).ShouldBe(200);
        (await GetAsync(account, $"/api/v1/namespaces/{account.Namespace}/configmaps?watch=1")).ShouldBe(403);
        (await GetAsync(account, $"/api/v1/namespaces/{other}/configmaps")).ShouldBe(403);
        (await GetAsync(account, "/api/v1/configmaps")).ShouldBe(403);

        await _cluster.SendAsync(HttpMethod.Delete, $"/apis/rbac.authorization.k8s.io/v1/namespaces/{account.Namespace}/rolebindings/test");
        (await GetAsync(account, $"/api/v1/namespaces/{account.Namespace}/configmaps")).ShouldBe(403);
    }

    [Fact]
    public async Task A_cluster_role_holds_everywhere_by_a_cluster_role_binding_and_in_one_namespace_by_a_role_binding()
    {
        var account = await AccountAsync();
        var other = await AccountAsync();
        await BindClusterAsync(account, "view");
        await _cluster.CreateAsync(
            $"/apis/rbac.authorization.k8s.io/v1/namespaces/{other.Namespace}/rolebindings",
            $$$"""
            {"metadata":{"name":"v"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"},
            "subjects":[{"kind":"Group","apiGroup":"rbac.authorization.k8s.io","name":"system:serviceaccounts:{{{other.Namespace}}}"}]}
            """
        );

        (await GetAsync(account, "/api/v1/pods")).ShouldBe(200);
        (await GetAsync(account, "/api/v1/secrets")).ShouldBe(403);
        (await GetAsync(other, $"/api/v1/namespaces/{other.Namespace}/pods")).ShouldBe(200);
        (await GetAsync(other, "/api/v1/pods")).ShouldBe(403);
    }

    [Fact]
    public async Task Resource_names_allow_the_named_object_and_a_list_that_selects_it()
    {
        var account = await AccountAsync();
        await BindAsync(
            account,
            """{"apiGroups":[""],"resources":["configmaps"],"resourceNames":["kube-root-ca.crt"],"verbs":["get","list"]}"""
        );
        var path = $"/api/v1/namespaces/{account.Namespace}/configmaps";
        await Eventually.Succeeds(async () => (await _cluster.GetAsync(path + "/kube-root-ca.crt")).Code.ShouldBe(200));

        (await GetAsync(account, path + "/kube-root-ca.crt")).ShouldBe(200);
        (await GetAsync(account, path + "?fieldSelector=metadata.name%3Dkube-root-ca.crt")).ShouldBe(200);
        (await GetAsync(account, path)).ShouldBe(403);
        (await GetAsync(account, path + "/other")).ShouldBe(403);
    }

    [Fact]
    public async Task A_subresource_is_a_right_of_its_own()
    {
        var account = await AccountAsync();
        await BindAsync(account, """{"apiGroups":[""],"resources":["pods/status"],"verbs":["get"]}""");
        await _cluster.CreateAsync($"/api/v1/namespaces/{account.Namespace}/pods", Manifests.Pod("p"));

        (await GetAsync(account, $"/api/v1/namespaces/{account.Namespace}/pods/p/status")).ShouldBe(200);
        (await GetAsync(account, $"/api/v1/namespaces/{account.Namespace}/pods/p")).ShouldBe(403);
    }

    [Fact]
    public async Task An_apply_that_creates_needs_the_right_to_create()
    {
        var account = await AccountAsync();
        await BindAsync(account, """{"apiGroups":[""],"resources":["configmaps"],"verbs":["patch"]}""");
        var path = $"/api/v1/namespaces/{account.Namespace}/configmaps/applied?fieldManager=test";
        const string Body = """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"applied"}}""";

        var (refused, body, _) = await _cluster.SendAsync(HttpMethod.Patch, path, Body, "application/apply-patch+yaml", account.Token);
        refused.ShouldBe(403);
        ((string)body["message"]!).ShouldContain("cannot create resource \"configmaps\"");
        await _cluster.CreateAsync($"/api/v1/namespaces/{account.Namespace}/configmaps", """{"metadata":{"name":"applied"}}""");

        (await _cluster.SendAsync(HttpMethod.Patch, path, Body, "application/apply-patch+yaml", account.Token)).Code.ShouldBe(200);
    }

    [Fact]
    public async Task A_binding_to_a_role_that_is_not_there_is_named_in_the_refusal()
    {
        var account = await AccountAsync();
        await BindClusterAsync(account, "nowhere");

        var (_, body, _) = await _cluster.SendAsync(HttpMethod.Get, "/api/v1/pods", token: account.Token);

        ((string)body["message"]!).ShouldEndWith("at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io \"nowhere\" not found");
    }

    [Fact]
    public async Task Access_reviews_answer_as_requests_would_be()
    {
        var account = await AccountAsync();
        await BindAsync(account, """{"apiGroups":["apps"],"resources":["deployments/scale"],"verbs":["update"]}""");
        string Ask(string verb) =>
            $$$"""
                {"resourceAttributes":{"namespace":"{{{account.Namespace}}}","verb":"{{{verb}}}","group":"apps","resource":"deployments",
                "subresource":"scale"}
                """;

        var self = await ReviewAsync("selfsubjectaccessreviews", Ask("update") + "}", account.Token);
        var other = await ReviewAsync("subjectaccessreviews", Ask("update") + $$$""","user":"{{{account.User}}}"}""");
        var refused = await ReviewAsync("selfsubjectaccessreviews", Ask("patch") + "}", account.Token);
        var rules = await ReviewAsync("selfsubjectrulesreviews", $$$"""{"namespace":"{{{account.Namespace}}}"}""", account.Token);

        ((bool)self["allowed"]!).ShouldBeTrue();
        ((string)self["reason"]!).ShouldBe(
            $"RBAC: allowed by RoleBinding \"test/{account.Namespace}\" of Role \"test\" to ServiceAccount \"default/{account.Namespace}\""
        );
        ((bool)other["allowed"]!).ShouldBeTrue();
        ((bool)refused["allowed"]!).ShouldBeFalse();
        rules["resourceRules"]!.AsArray().ShouldContain(r => r!["resources"]!.AsArray().Any(n => (string)n! == "deployments/scale"));
    }

    [Fact]
    public async Task Kubectl_asks_what_another_may_do()
    {
        var account = await AccountAsync();
        await BindAsync(account, """{"apiGroups":[""],"resources":["configmaps"],"verbs":["list"]}""");

        (await _cluster.Kubectl.RunAsync($"auth can-i list configmaps -n {account.Namespace} --as {account.User}")).Trim().ShouldBe("yes");
        (await GetAsync(account, $"/api/v1/namespaces/{account.Namespace}/secrets")).ShouldBe(403);
    }

    [Fact]
    public async Task With_authorization_off_every_account_may_do_everything()
    {
        await using var cluster = await RunningCluster.StartAsync(
            new LocalClusterOptions { Authorization = AuthorizationMode.AlwaysAllow }
        );
        var token = (string)
            (await cluster.CreateAsync("/api/v1/namespaces/default/serviceaccounts/default/token", "{}"))["status"]!["token"]!;

        (await cluster.SendAsync(HttpMethod.Get, "/api/v1/secrets", token: token)).Code.ShouldBe(200);
    }

    private async Task<int> GetAsync(Account account, string path)
    {
        using var response = (await _cluster.SendAsync(HttpMethod.Get, path, token: account.Token)).Response;
        return (int)response.StatusCode;
    }

    private async Task<JsonNode> ReviewAsync(string plural, string spec, string? token = null)
    {
        var (code, body, _) = await _cluster.SendAsync(
            HttpMethod.Post,
            $"/apis/authorization.k8s.io/v1/{plural}",
            $$"""{"spec":{{spec}}}""",
            token: token
        );
        code.ShouldBe(201, body.ToJsonString());
        return body["status"]!;
    }

    private async Task BindAsync(Account account, string rule)
    {
        var path = $"/apis/rbac.authorization.k8s.io/v1/namespaces/{account.Namespace}";
        await _cluster.CreateAsync($"{path}/roles", $$"""{"metadata":{"name":"test"},"rules":[{{rule}}]}""");
        await _cluster.CreateAsync(
            $"{path}/rolebindings",
            """
            {"metadata":{"name":"test"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"test"},
            "subjects":[{"kind":"ServiceAccount","name":"default"}]}
            """
        );
    }

    private Task<JsonNode> BindClusterAsync(Account account, string role) =>
        _cluster.CreateAsync(
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            $$$"""
            {"metadata":{"name":"{{{account.Namespace}}}-{{{role}}}"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io",
            "kind":"ClusterRole","name":"{{{role}}}"},"subjects":[{"kind":"ServiceAccount","name":"default",
            "namespace":"{{{account.Namespace}}}"}]}
            """
        );

    private async Task<Account> AccountAsync()
    {
        var name = await fixture.NamespaceAsync();
        JsonNode? answer = null;
        await Eventually.Succeeds(async () =>
            answer = await _cluster.CreateAsync($"/api/v1/namespaces/{name}/serviceaccounts/default/token", "{}")
        );
        return new Account(name, (string)answer!["status"]!["token"]!);
    }

    private sealed record Account(string Namespace, string Token)
    {
        public string User => $"system:serviceaccount:{Namespace}:default";
    }
}
