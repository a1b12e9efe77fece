using k8s;
using k8s.Models;
using MeshOperator.Testing;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalCluster.Tests;

public sealed class AuthenticationTests(ClusterFixture fixture)
{
    private readonly RunningCluster _cluster = fixture.Cluster;

    [Theory]
    [InlineData("")]
    [InlineData("wrong")]
    [InlineData("a.b.c")]
    public async Task A_missing_or_wrong_token_is_unauthorized(string token)
    {
        var (code, body, _) = await _cluster.SendAsync(HttpMethod.Get, "/version", token: token);

        code.ShouldBe(401);
        ((string)body["reason"]!).ShouldBe("Unauthorized");
    }

    [Fact]
    public async Task Health_needs_no_token() => (await _cluster.SendAsync(HttpMethod.Get, "/readyz", token: "")).Code.ShouldBe(200);

    [Fact]
    public async Task A_service_accounts_token_is_good_for_requests_and_reviews()
    {
        var name = await ReadyNamespaceAsync();
        var token = await TokenAsync(name, []);

        (await _cluster.SendAsync(HttpMethod.Get, "/version", token: token)).Code.ShouldBe(200);
        var review = await ReviewAsync(token, []);

        review.Status.Authenticated.ShouldBe(true);
        review.Status.User.Username.ShouldBe($"system:serviceaccount:{name}:default");
        review.Status.User.Groups.ShouldBe(["system:serviceaccounts", $"system:serviceaccounts:{name}", "system:authenticated"]);
    }

    [Fact]
    public async Task A_token_is_only_good_for_its_audiences()
    {
        var name = await ReadyNamespaceAsync();
        var token = await TokenAsync(name, ["meshoperator.io", "other"]);

        (await ReviewAsync(token, ["meshoperator.io", "third"])).Status.Audiences.ShouldBe(["meshoperator.io"]);
        (await ReviewAsync(token, ["third"])).Status.Authenticated.ShouldNotBe(true);
        (await _cluster.SendAsync(HttpMethod.Get, "/version", token: token)).Code.ShouldBe(401);
    }

    [Fact]
    public async Task A_pods_token_names_the_pod_and_dies_with_it()
    {
        var name = await ReadyNamespaceAsync();
        var pod = await _cluster.CreateAsync($"/api/v1/namespaces/{name}/pods", Manifests.Pod("p"));
        var uid = (string)pod["metadata"]!["uid"]!;
        var token = await TokenAsync(
            name,
            ["meshoperator.io"],
            new V1BoundObjectReference
            {
                ApiVersion = "v1",
                Kind = "Pod",
                Name = "p",
                Uid = uid,
            }
        );

        var alive = await ReviewAsync(token, ["meshoperator.io"]);
        alive.Status.User.Extra["authentication.kubernetes.io/pod-name"].ShouldBe(["p"]);
        alive.Status.User.Extra["authentication.kubernetes.io/pod-uid"].ShouldBe([uid]);

        await _cluster.SendAsync(HttpMethod.Delete, $"/api/v1/namespaces/{name}/pods/p");
        await Eventually.Succeeds(async () => (await ReviewAsync(token, ["meshoperator.io"])).Status.Authenticated.ShouldNotBe(true));
    }

    [Fact]
    public async Task A_token_ends_when_its_time_is_up()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        await using var cluster = await RunningCluster.StartAsync(new LocalClusterOptions { TimeProvider = time });
        var token = (string)
            (
                await cluster.CreateAsync(
                    "/api/v1/namespaces/default/serviceaccounts/default/token",
                    """{"spec":{"expirationSeconds":600}}"""
                )
            )["status"]!["token"]!;
        (await cluster.SendAsync(HttpMethod.Get, "/version", token: token)).Code.ShouldBe(200);

        time.Advance(TimeSpan.FromSeconds(601));

        (await cluster.SendAsync(HttpMethod.Get, "/version", token: token)).Code.ShouldBe(401);
    }

    private async Task<string> ReadyNamespaceAsync()
    {
        var name = await fixture.NamespaceAsync();
        await Eventually.Succeeds(async () =>
            (await _cluster.GetAsync($"/api/v1/namespaces/{name}/serviceaccounts/default")).Code.ShouldBe(200)
        );
        return name;
    }

    private async Task<string> TokenAsync(string name, string[] audiences, V1BoundObjectReference? bound = null)
    {
        var request = new Authenticationv1TokenRequest
        {
            Spec = new V1TokenRequestSpec { Audiences = audiences, BoundObjectRef = bound },
        };
        return (
            await _cluster.Client.CoreV1.CreateNamespacedServiceAccountTokenAsync(
                request,
                "default",
                name,
                cancellationToken: TestContext.Current.CancellationToken
            )
        )
            .Status
            .Token;
    }

    private Task<V1TokenReview> ReviewAsync(string token, string[] audiences) =>
        _cluster.Client.AuthenticationV1.CreateTokenReviewAsync(
            new V1TokenReview
            {
                Spec = new V1TokenReviewSpec { Token = token, Audiences = audiences },
            },
            cancellationToken: TestContext.Current.CancellationToken
        );
}
