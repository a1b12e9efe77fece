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
}
