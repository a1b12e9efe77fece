using System.Net;
using MeshOperator.Mesh.Model;
using MeshOperator.Proxy.Tests.Support;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests;

public sealed class RateLimitTests
{
    private static readonly PolicyKey Policy = new("RateLimit", "shop", "model");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_beyond_a_limit_are_answered_with_429_and_the_time_to_retry_after()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (application, _, _) = await mesh.AddMeshedAsync("model");
        var client = await mesh.AddClientAsync();
        var match = new HttpMatch { Path = new StringMatch(StringMatchKind.Prefix, "/limited") };
        mesh.ChangeInbound("model", port => port with { Limits = [new RequestLimit(Policy, 0, 5, TimeSpan.FromMinutes(1), 5, match)] });
        HttpResponseMessage response = null!;
        await Eventually.Succeeds(async () =>
        {
            response = await client.GetAsync("http://model/limited", Cancellation);
            response.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        });
        (await response.Content.ReadAsStringAsync(Cancellation)).ShouldBe("local_rate_limited");
        response.Headers.GetValues("x-ratelimit-limit").ShouldBe(["5"]);
        response.Headers.GetValues("x-ratelimit-remaining").ShouldBe(["0"]);
        response.Headers.Contains("x-ratelimit-reset").ShouldBeTrue();
        response.Headers.Contains("retry-after").ShouldBeTrue();

        var requests = application.Requests;
        (await client.GetAsync("http://model/limited", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        application.Requests.ShouldBe(requests);
        (await client.GetAsync("http://model/free", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.OK);

        // A change of another limit leaves the bucket as it is.
        mesh.ChangeInbound(
            "model",
            port =>
                port with
                {
                    Limits =
                    [
                        .. port.Limits,
                        new RequestLimit(
                            Policy,
                            1,
                            1,
                            TimeSpan.FromMinutes(1),
                            1,
                            new HttpMatch { Path = new StringMatch(StringMatchKind.Exact, "/other") }
                        ),
                    ],
                }
        );
        await Eventually.Succeeds(async () =>
            (await client.GetAsync("http://model/other", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.TooManyRequests)
        );
        (await client.GetAsync("http://model/limited", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task Each_client_has_a_limit_of_its_own_by_header_or_identity_and_those_without_one_are_one_client()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        await mesh.AddMeshedAsync("model");
        var client = await mesh.AddClientAsync();
        Limit(
            mesh,
            Hourly(0, 2, "/keys") with
            {
                Client = new LimitClient("x-api-key"),
            },
            Hourly(1, 3, "/mine") with
            {
                Client = new(null),
            }
        );
        await LimitedAsync(client, "/mine");

        (await AcceptedAsync(client, "/keys", "x-api-key: a")).ShouldBe(2);
        (await AcceptedAsync(client, "/keys", "x-api-key: b")).ShouldBe(2);
        (await AcceptedAsync(client, "/keys")).ShouldBe(2);
        var refused = await client.GetAsync("http://model/mine", Cancellation);
        refused.Headers.GetValues("x-meshoperator-rate-limited-by").ShouldBe(["shop/model"]);
        refused = await SendAsync(client, "/keys", "x-api-key: a");
        refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task A_request_costs_what_its_header_says_and_else_the_constant()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        await mesh.AddMeshedAsync("model");
        var client = await mesh.AddClientAsync();
        Limit(mesh, Hourly(0, 10, "/tokens") with { Cost = new RequestCost(3, "x-tokens") }, Hourly(1, 1, "/probe"));
        await LimitedAsync(client, "/probe");

        (await SendAsync(client, "/tokens", "x-tokens: 6")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await SendAsync(client, "/tokens", "x-tokens: 5")).StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        (await SendAsync(client, "/tokens", "x-tokens: 0")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await SendAsync(client, "/tokens")).StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        (await SendAsync(client, "/tokens", "x-tokens: 1")).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    private static RequestLimit Hourly(int index, int requests, string path) =>
        new(
            Policy,
            index,
            requests,
            TimeSpan.FromHours(1),
            requests,
            new HttpMatch { Path = new StringMatch(StringMatchKind.Exact, path) }
        );

    private static void Limit(ProxyMesh mesh, params RequestLimit[] limits) =>
        mesh.ChangeInbound("model", port => port with { Limits = [.. limits] });

    private static Task LimitedAsync(HttpClient client, string path) =>
        Eventually.Succeeds(async () => (await SendAsync(client, path)).StatusCode.ShouldBe(HttpStatusCode.TooManyRequests));

    private static async Task<int> AcceptedAsync(HttpClient client, string path, string? header = null)
    {
        var accepted = 0;
        while ((await SendAsync(client, path, header)).StatusCode is HttpStatusCode.OK)
            accepted++;
        return accepted;
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient client, string path, string? header = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, $"http://model{path}");
        if (header?.Split(": ") is [var name, var value])
            request.Headers.Add(name, value);
        return client.SendAsync(request, Cancellation);
    }
}
