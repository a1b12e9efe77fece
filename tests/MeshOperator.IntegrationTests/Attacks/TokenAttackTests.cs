using System.Text.Json.Nodes;
using Grpc.Core;
using k8s.Models;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.LocalCluster.Faults;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Attacks;

/// <summary>Clients of the TLS port that show what they should not.</summary>
public sealed class TokenAttackTests(TestCluster cluster)
{
    /// <summary>What is done to a good token of <c>web-0</c>, and what comes of it.</summary>
    public static TheoryData<string, StatusCode, string> BadTokens =>
        new()
        {
            { "another audience", StatusCode.Unauthenticated, "other_audience" },
            { "another pod's", StatusCode.PermissionDenied, "other_pod" },
            { "node id of another pod", StatusCode.PermissionDenied, "other_pod" },
            { "another pod's name written in", StatusCode.Unauthenticated, "invalid_token" },
            { "expired", StatusCode.Unauthenticated, "expired_token" },
            { "expired, and its end moved", StatusCode.Unauthenticated, "invalid_token" },
            { "algorithm none", StatusCode.Unauthenticated, "malformed_token" },
            { "no signature", StatusCode.Unauthenticated, "malformed_token" },
            { "not bound to a pod", StatusCode.Unauthenticated, "unbound_token" },
            { "no token at all", StatusCode.Unauthenticated, "no_token" },
            { "claims that are a list", StatusCode.Unauthenticated, "malformed_token" },
            { "20 KB", StatusCode.Unauthenticated, "no_token" },
            { "no base64", StatusCode.Unauthenticated, "malformed_token" },
        };

    [Theory]
    [MemberData(nameof(BadTokens))]
    public async Task A_bad_token_is_refused_and_counted_by_its_reason(string what, StatusCode status, string reason)
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web", pods: 2);
        var token = await ProxyTokens.IssueAsync(cluster, ns, "web-0");
        var bad = what switch
        {
            "another audience" => await ProxyTokens.IssueAsync(cluster, ns, "web-0", "https://kubernetes.default.svc"),
            "another pod's" => await ProxyTokens.IssueAsync(cluster, ns, "web-1"),
            "node id of another pod" => token,
            "another pod's name written in" => ProxyTokens.Forge(
                await ProxyTokens.IssueAsync(cluster, ns, "web-1"),
                claims: c => c["kubernetes.io"]!["pod"]!["name"] = "web-0"
            ),
            "expired" => ProxyTokens.Forge(token, claims: c => c["exp"] = 1_600_000_000),
            "expired, and its end moved" => ProxyTokens.Forge(token, claims: c => c["exp"] = (long)c["exp"]! + 3600),
            "algorithm none" => ProxyTokens.Forge(token, h => h["alg"] = "none"),
            "no signature" => token[..(token.LastIndexOf('.') + 1)],
            "not bound to a pod" => await ProxyTokens.IssueAsync(cluster, ns, null),
            "claims that are a list" => $"{token.Split('.')[0]}.W10.{token.Split('.')[2]}",
            "20 KB" => token + new string('A', 20_000),
            "no base64" => "!.?.*",
            _ => null,
        };
        await using var proxy = ProxyTokens.Connect(mesh, what == "node id of another pod" ? $"web-1.{ns.Name}" : $"web-0.{ns.Name}", bad);
        await proxy.SubscribeAsync(ResourceType.Secret, "identity");

        var end = await proxy.EndAsync();
        end.StatusCode.ShouldBe(status);
        end.Detail.ShouldNotBeEmpty();
        end.Detail.ShouldNotContain("web-1");
        if (bad is not null)
            end.Detail.ShouldNotContain(bad);
        (await MetricsPage.RefusedAsync(mesh)).ShouldBe(new Dictionary<string, int> { [reason] = 1 });
    }

    [Fact]
    public async Task A_deleted_pod_is_cut_off_and_its_token_refused_from_then_on()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web", pods: 2);
        var token = await ProxyTokens.IssueAsync(cluster, ns, "web-0");
        await using var other = ProxyTokens.Connect(mesh, $"web-1.{ns.Name}", await ProxyTokens.IssueAsync(cluster, ns, "web-1"));
        await other.FetchAsync(ResourceType.Secret, "identity");
        await using var proxy = ProxyTokens.Connect(mesh, $"web-0.{ns.Name}", token);
        await proxy.FetchAsync(ResourceType.Secret, "identity");

        await cluster.Entities<V1Pod>().DeleteAsync(new ObjectKey(ns.Name, "web-0"), TestContext.Current.CancellationToken);
        (await proxy.EndAsync()).StatusCode.ShouldBe(StatusCode.PermissionDenied);
        await using var again = ProxyTokens.Connect(mesh, $"web-0.{ns.Name}", token);
        await again.SubscribeAsync(ResourceType.Secret, "identity");
        (await again.EndAsync()).StatusCode.ShouldBe(StatusCode.Unauthenticated);
        (await other.FetchAsync(ResourceType.Secret, "trust-bundle")).Resources.ShouldNotBeEmpty();
    }

    [Fact]
    public async Task The_token_of_a_pod_that_was_recreated_under_its_name_is_refused()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web");
        var token = await ProxyTokens.IssueAsync(cluster, ns, "web-0");
        await using var before = ProxyTokens.Connect(mesh, $"web-0.{ns.Name}", token);
        await before.FetchAsync(ResourceType.Secret, "identity");
        await cluster.Entities<V1Pod>().DeleteAsync(new ObjectKey(ns.Name, "web-0"), TestContext.Current.CancellationToken);
        await ns.PodAsync("web-0", "web");
        (await before.EndAsync()).StatusCode.ShouldBe(StatusCode.PermissionDenied);

        await using var old = ProxyTokens.Connect(mesh, $"web-0.{ns.Name}", token);
        await old.SubscribeAsync(ResourceType.Secret, "identity");
        (await old.EndAsync()).StatusCode.ShouldBe(StatusCode.Unauthenticated);
        await Eventually.Succeeds(async () =>
        {
            await using var now = ProxyTokens.Connect(mesh, $"web-0.{ns.Name}", await ProxyTokens.IssueAsync(cluster, ns, "web-0"));
            (await now.FetchAsync(ResourceType.Secret, "identity")).Resources.ShouldHaveSingleItem();
        });
    }

    [Fact]
    public async Task The_same_bad_token_is_reviewed_once_however_often_it_comes()
    {
        await using var own = await TestCluster.StartLocalAsync();
        await using var mesh = await TestOperator.StartAsync(own);
        await using var ns = await TestNamespace.CreateAsync(own, injected: true);
        await ns.ServiceAsync("web");
        var forged = ProxyTokens.Forge(await ProxyTokens.IssueAsync(own, ns, "web-0"), claims: c => c["jti"] = "another");
        using var reviews = CountReviews(own);

        for (var i = 0; i < 5; i++)
        {
            await using var proxy = ProxyTokens.Connect(mesh, $"web-0.{ns.Name}", forged);
            await proxy.SubscribeAsync(ResourceType.Secret, "identity");
            (await proxy.EndAsync()).StatusCode.ShouldBe(StatusCode.Unauthenticated);
        }

        reviews.Fired.ShouldBe(1);
    }

    [Fact]
    public async Task Forged_tokens_that_differ_are_soon_refused_without_a_review_and_leave_the_pods_neighbour_alone()
    {
        await using var own = await TestCluster.StartLocalAsync();
        await using var mesh = await TestOperator.StartAsync(own);
        await using var ns = await TestNamespace.CreateAsync(own, injected: true);
        await ns.ServiceAsync("web", pods: 2);
        var token = await ProxyTokens.IssueAsync(own, ns, "web-0");
        using var reviews = CountReviews(own);

        var ends = new List<StatusCode>();
        for (var i = 0; i < 40; i++)
        {
            await using var proxy = ProxyTokens.Connect(
                mesh,
                $"web-0.{ns.Name}",
                ProxyTokens.Forge(token, claims: c => c["jti"] = JsonValue.Create(i))
            );
            await proxy.SubscribeAsync(ResourceType.Secret, "identity");
            ends.Add((await proxy.EndAsync()).StatusCode);
        }

        ends.ShouldContain(StatusCode.ResourceExhausted);
        ends.Count(e => e is StatusCode.Unauthenticated).ShouldBe(reviews.Fired);
        await using var neighbour = ProxyTokens.Connect(mesh, $"web-1.{ns.Name}", await ProxyTokens.IssueAsync(own, ns, "web-1"));
        (await neighbour.FetchAsync(ResourceType.Secret, "identity")).Resources.ShouldHaveSingleItem();
    }

    /// <summary>Counts the questions; they are answered as ever.</summary>
    internal static FaultOrder CountReviews(TestCluster cluster) =>
        cluster.Faults.Order(Fault.Delay(TimeSpan.Zero) with { Resource = "tokenreviews.authentication.k8s.io", Times = int.MaxValue });
}
