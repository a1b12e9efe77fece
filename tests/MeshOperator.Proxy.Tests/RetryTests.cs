using System.Net;
using MeshOperator.Mesh.Model;
using MeshOperator.Proxy.Tests.Support;
using MeshOperator.Testing;
using Microsoft.AspNetCore.Http;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests;

public sealed class RetryTests
{
    internal static readonly RetrySettings Settings = new()
    {
        Attempts = 3,
        ConnectionTriggers = [RetryTrigger.ConnectFailure],
        ResponseTriggers = [RetryTrigger.GatewayError],
        BackoffBase = TimeSpan.FromMilliseconds(5),
        BackoffMax = TimeSpan.FromMilliseconds(10),
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_failed_request_is_retried_with_its_body_until_it_succeeds()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var application = (await mesh.AddPlainAsync("model"))[0];
        var bodies = new List<string>();
        application.Handler = async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            bodies.Add(await reader.ReadToEndAsync(Cancellation));
            context.Response.StatusCode = bodies.Count < 3 ? 503 : 200;
            await context.Response.WriteAsync($"attempt {bodies.Count}");
        };
        mesh.Route("model", route => route with { Retry = Settings });
        mesh.Change("model", port => port with { Connection = new(Budget: new RetryBudget(20, 10)) });
        var client = await mesh.AddClientAsync();
        var body = new string('x', 200_000);
        var response = await client.PostAsync("http://model/", new StringContent(body), Cancellation);
        (await response.Content.ReadAsStringAsync(Cancellation)).ShouldBe("attempt 3");
        bodies.ShouldBe([body, body, body]);
    }

    [Fact]
    public async Task A_request_is_retried_no_more_often_than_its_policy_says()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var application = (await mesh.AddPlainAsync("model"))[0];
        application.Handler = context =>
        {
            context.Response.StatusCode = 503;
            return context.Response.WriteAsync("down");
        };
        mesh.Route("model", route => route with { Retry = Settings });
        mesh.Change("model", port => port with { Connection = new(Budget: new RetryBudget(20, 10)) });
        var client = await mesh.AddClientAsync();
        var response = await client.GetAsync("http://model/", Cancellation);
        (await response.Content.ReadAsStringAsync(Cancellation)).ShouldBe("down");
        application.Requests.ShouldBe(4);
    }

    [Fact]
    public async Task A_budget_bounds_retries_of_all_requests_together()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var application = (await mesh.AddPlainAsync("model"))[0];
        application.Handler = async context =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Cancellation);
            context.Response.StatusCode = 503;
        };
        mesh.Route("model", route => route with { Retry = Settings with { Attempts = 1 } });
        mesh.Change("model", port => port with { Connection = new(Budget: new RetryBudget(0, 2)) });
        var client = await mesh.AddClientAsync();
        await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => client.GetAsync("http://model/", Cancellation)));
        application.Requests.ShouldBeInRange(31, 36);
    }

    [Fact]
    public async Task An_endpoint_that_cannot_be_reached_is_avoided_by_the_retry()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var live = (await mesh.AddPlainAsync("model"))[0];
        mesh.Route("model", route => route with { Retry = Settings with { AvoidPreviousHosts = true } });
        mesh.Change(
            "model",
            port =>
                port with
                {
                    Endpoints = [.. port.Endpoints, new MeshEndpoint(Loopback.Next(), 8080, null, null)],
                    Connection = new(Budget: new RetryBudget(100, 10)),
                }
        );
        var client = await mesh.AddClientAsync();
        for (var i = 0; i < 30; i++)
            (await client.GetStringAsync("http://model/", Cancellation)).ShouldBe("model");
        live.Requests.ShouldBe(30);
    }

    [Fact]
    public async Task An_application_that_does_not_listen_is_retried_elsewhere_though_its_proxy_answers()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (first, _, address) = await mesh.AddMeshedAsync("model");
        var (second, _, other) = await mesh.AddMeshedAsync("other");
        mesh.Route("model", route => route with { Retry = Settings with { ResponseTriggers = [], AvoidPreviousHosts = true } });
        mesh.Change(
            "model",
            port =>
                port with
                {
                    Endpoints = [.. port.Endpoints, new MeshEndpoint(other, 8080, ProxyMesh.Identity("other"), null)],
                    Connection = new(Budget: new RetryBudget(100, 10)),
                }
        );
        var client = await mesh.AddClientAsync();
        await first.DisposeAsync();
        for (var i = 0; i < 20; i++)
        {
            var response = await client.PostAsync("http://model/", new StringContent("x"), Cancellation);
            (await response.Content.ReadAsStringAsync(Cancellation)).ShouldBe("other");
            response.Headers.Contains("x-meshoperator-not-sent").ShouldBeFalse();
        }

        second.Requests.ShouldBe(20);
        address.ShouldNotBe(other);
    }

    [Fact]
    public async Task A_slow_attempt_is_given_up_and_a_slow_request_is_answered_with_504()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var application = (await mesh.AddPlainAsync("model"))[0];
        application.Handler = async context =>
        {
            if (application.Requests == 1 || context.Request.Path == "/slow")
                await Task.Delay(TimeSpan.FromSeconds(30), TimeProvider.System, context.RequestAborted);
            await context.Response.WriteAsync("fast");
        };
        mesh.Route(
            "model",
            route =>
                route with
                {
                    RequestTimeout = TimeSpan.FromSeconds(1),
                    Retry = Settings with { PerTryTimeout = TimeSpan.FromMilliseconds(300) },
                }
        );
        mesh.Change("model", port => port with { Connection = new(Budget: new RetryBudget(100, 10)) });
        var client = await mesh.AddClientAsync();
        (await client.GetStringAsync("http://model/", Cancellation)).ShouldBe("fast");
        var response = await client.GetAsync("http://model/slow", Cancellation);
        response.StatusCode.ShouldBe(HttpStatusCode.GatewayTimeout);
        (await response.Content.ReadAsStringAsync(Cancellation)).ShouldBe("upstream request timeout");
    }

    [Fact]
    public async Task Nobody_home_is_answered_as_Envoy_answers_it()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        mesh.AddService("empty", PortProtocol.Http, []);
        mesh.AddService("closed", PortProtocol.Http, [new MeshEndpoint(Loopback.Next(), 8080, null, null)]);
        var client = await mesh.AddClientAsync();
        var empty = await client.GetAsync("http://empty/", Cancellation);
        empty.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await empty.Content.ReadAsStringAsync(Cancellation)).ShouldBe("no healthy upstream");
        var closed = await client.GetAsync("http://closed/", Cancellation);
        closed.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await closed.Content.ReadAsStringAsync(Cancellation)).ShouldBe(
            "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: "
                + "remote connection failure, transport failure reason: delayed connect error: Connection refused"
        );
        (await client.GetAsync("http://unknown/", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.BadGateway);
    }
}
