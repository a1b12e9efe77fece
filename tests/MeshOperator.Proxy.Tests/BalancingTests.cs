using System.Net;
using MeshOperator.Mesh.Model;
using MeshOperator.Proxy.Tests.Support;
using MeshOperator.Testing;
using Microsoft.AspNetCore.Http;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests;

public sealed class BalancingTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_are_spread_over_the_endpoints()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var applications = await mesh.AddPlainAsync("model", replicas: 3);
        var client = await mesh.AddClientAsync();
        for (var i = 0; i < 300; i++)
            await client.GetStringAsync("http://model/", Cancellation);
        applications.ShouldAllBe(application => application.Requests > 60);
    }

    [Theory]
    [InlineData(StickyKey.Header, "x-user")]
    [InlineData(StickyKey.SourceIp, "")]
    public async Task A_client_is_kept_at_one_endpoint(StickyKey key, string name)
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var applications = await mesh.AddPlainAsync("model", replicas: 4);
        mesh.Route("model", route => route with { Sticky = new StickySession(key, name, null) });
        var client = await mesh.AddClientAsync();
        var answers = new Dictionary<int, HashSet<string>>();
        for (var i = 0; i < 160; i++)
        {
            var user = i % 16;
            using var request = new HttpRequestMessage(HttpMethod.Get, "http://model/");
            request.Headers.Add("x-user", $"user-{user}");
            using var response = await client.SendAsync(request, Cancellation);
            if (!answers.TryGetValue(user, out var seen))
                answers.Add(user, seen = []);
            seen.Add(await response.Content.ReadAsStringAsync(Cancellation));
        }

        answers.Values.ShouldAllBe(seen => seen.Count == 1);
        applications.Count(application => application.Requests > 0).ShouldBe(key is StickyKey.Header ? 4 : 1);
    }

    [Fact]
    public async Task A_client_without_the_cookie_is_given_one_and_stays_where_it_leads()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        await mesh.AddPlainAsync("model", replicas: 4);
        mesh.Route("model", route => route with { Sticky = new StickySession(StickyKey.Cookie, "session", TimeSpan.FromMinutes(5)) });
        var client = await mesh.AddClientAsync();
        for (var i = 0; i < 8; i++)
        {
            using var first = await client.GetAsync("http://model/", Cancellation);
            var answer = await first.Content.ReadAsStringAsync(Cancellation);
            var cookie = first.Headers.GetValues("set-cookie").ShouldHaveSingleItem();
            cookie.ShouldStartWith("session=\"");
            cookie.ShouldEndWith("; Max-Age=300; Path=/; HttpOnly");
            for (var again = 0; again < 4; again++)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, "http://model/");
                request.Headers.Add("cookie", cookie[..cookie.IndexOf(';', StringComparison.Ordinal)]);
                using var response = await client.SendAsync(request, Cancellation);
                (await response.Content.ReadAsStringAsync(Cancellation)).ShouldBe(answer);
                response.Headers.Contains("set-cookie").ShouldBeFalse();
            }
        }
    }

    [Fact]
    public async Task A_circuit_breaker_answers_what_is_beyond_its_bounds()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var application = (await mesh.AddPlainAsync("model"))[0];
        var release = new TaskCompletionSource();
        application.Handler = async context =>
        {
            await release.Task;
            await context.Response.WriteAsync("done");
        };
        mesh.Change("model", port => port with { Connection = new(Breaker: new BreakerSettings(2, 1, null, null, null)) });
        var client = await mesh.AddClientAsync();
        var calls = Enumerable.Range(0, 6).Select(_ => client.GetAsync("http://model/", Cancellation)).ToList();
        await Eventually.Succeeds(() => calls.Count(call => call.IsCompleted).ShouldBe(3));
        release.SetResult();
        var responses = await Task.WhenAll(calls);
        responses.Count(response => response.StatusCode is HttpStatusCode.OK).ShouldBe(3);
        var refused = responses.First(response => response.StatusCode is HttpStatusCode.ServiceUnavailable);
        (await refused.Content.ReadAsStringAsync(Cancellation)).ShouldBe(
            "upstream connect error or disconnect/reset before headers. reset reason: overflow"
        );
        application.Requests.ShouldBe(3);
    }

    [Fact]
    public async Task An_endpoint_that_fails_several_times_in_a_row_is_ejected_for_a_while()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var applications = await mesh.AddPlainAsync("model", replicas: 3);
        applications[0].Handler = context =>
        {
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        };
        mesh.Change(
            "model",
            port =>
                port with
                {
                    Connection = new(
                        Breaker: new BreakerSettings(
                            null,
                            null,
                            null,
                            null,
                            new OutlierDetection(3, 0, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1), 50)
                        )
                    ),
                }
        );
        var client = await mesh.AddClientAsync();
        for (var i = 0; i < 100; i++)
            await client.GetAsync("http://model/", Cancellation);
        applications[0].Requests.ShouldBe(3);

        // It comes back, and is ejected again after as many failures.
        await Eventually.Succeeds(async () =>
        {
            await client.GetAsync("http://model/", Cancellation);
            applications[0].Requests.ShouldBeGreaterThan(3);
        });
    }
}
