using System.Net;
using MeshOperator.Mesh.Model;
using MeshOperator.Proxy.Tests.Support;
using MeshOperator.Testing;
using Microsoft.AspNetCore.Http;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests;

public sealed class RouteTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static StringMatch Exactly(string value) => new(StringMatchKind.Exact, value);

    [Fact]
    public async Task A_pod_of_a_headless_service_is_called_by_its_own_name()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        await mesh.AddPlainAsync("shard", replicas: 2);
        await mesh.AddMeshedAsync("keeper");
        foreach (var service in new[] { "shard", "keeper" })
            mesh.Change(
                service,
                port =>
                    port with
                    {
                        IsHeadless = true,
                        Addresses = [],
                        Endpoints = [.. port.Endpoints.Select((endpoint, i) => endpoint with { Hostname = $"{service}-{i}" })],
                    }
            );
        var client = await mesh.AddClientAsync();

        for (var i = 0; i < 4; i++)
        {
            (await client.GetStringAsync("http://shard-0.shard:8080/", Cancellation)).ShouldBe("shard-0");
            (await client.GetStringAsync("http://shard-1.shard.shop.svc.cluster.local:8080/", Cancellation)).ShouldBe("shard-1");
        }

        (await client.GetStringAsync("http://keeper-0.keeper.shop:8080/", Cancellation)).ShouldBe("keeper");
        using var unknown = await client.GetAsync("http://shard-2.shard:8080/", Cancellation);
        unknown.StatusCode.ShouldBe(HttpStatusCode.BadGateway);
    }

    [Fact]
    public async Task Rules_match_paths_methods_headers_queries_and_cookies()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        await mesh.AddPlainAsync("model");
        await mesh.AddPlainAsync("canary");
        HttpMatch[] matches =
        [
            new() { Path = Exactly("/exact"), Method = "POST" },
            new() { Path = new StringMatch(StringMatchKind.Prefix, "/api") },
            new() { Path = new StringMatch(StringMatchKind.RegularExpression, "/items/[0-9]+") },
            new()
            {
                Headers =
                [
                    new NamedMatch("x-canary", Exactly("yes")),
                    new NamedMatch("x-any", new StringMatch(StringMatchKind.Present, "")),
                ],
            },
            new() { QueryParameters = [new NamedMatch("v", new StringMatch(StringMatchKind.RegularExpression, "2\\.\\d"))] },
            new() { Cookies = [new NamedMatch("user", Exactly("a.b"))] },
        ];
        mesh.Change(
            "model",
            port =>
                port with
                {
                    Routes =
                    [
                        .. matches.Select(
                            (match, i) =>
                                new HttpRoute
                                {
                                    Name = $"rule-{i}",
                                    Match = match,
                                    Backends = [new WeightedBackend(1, ProxyMesh.Target("canary"))],
                                }
                        ),
                        ProxyMesh.To("model"),
                    ],
                }
        );
        var client = await mesh.AddClientAsync();
        (await AskAsync(HttpMethod.Post, "/exact")).ShouldBe("canary");
        (await AskAsync(HttpMethod.Get, "/exact")).ShouldBe("model");
        (await AskAsync(HttpMethod.Get, "/api")).ShouldBe("canary");
        (await AskAsync(HttpMethod.Get, "/api/x?y")).ShouldBe("canary");
        (await AskAsync(HttpMethod.Get, "/apis")).ShouldBe("model");
        (await AskAsync(HttpMethod.Get, "/items/42")).ShouldBe("canary");
        (await AskAsync(HttpMethod.Get, "/items/42x")).ShouldBe("model");
        (await AskAsync(HttpMethod.Get, "/", ("x-canary", "yes"), ("x-any", "1"))).ShouldBe("canary");
        (await AskAsync(HttpMethod.Get, "/", ("x-canary", "yes"))).ShouldBe("model");
        (await AskAsync(HttpMethod.Get, "/?v=2.7")).ShouldBe("canary");
        (await AskAsync(HttpMethod.Get, "/?v=2x7")).ShouldBe("model");
        (await AskAsync(HttpMethod.Get, "/", ("cookie", "a=b; user=a.b; c=d"))).ShouldBe("canary");
        (await AskAsync(HttpMethod.Get, "/", ("cookie", "user=axb"))).ShouldBe("model");

        async Task<string> AskAsync(HttpMethod method, string path, params (string Name, string Value)[] headers)
        {
            using var request = new HttpRequestMessage(method, $"http://model{path}");
            foreach (var (name, value) in headers)
                request.Headers.Add(name, value);
            using var response = await client.SendAsync(request, Cancellation);
            return await response.Content.ReadAsStringAsync(Cancellation);
        }
    }

    [Fact]
    public async Task Headers_change_and_the_path_arrives_as_it_was_sent()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var application = (await mesh.AddPlainAsync("model"))[0];
        application.Handler = context =>
        {
            var headers = context.Request.Headers;
            var target = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
            var id = headers["x-request-id"].Count;
            return context.Response.WriteAsync(
                $"{target} {headers.Host} set={headers["x-set"]} add={headers["x-add"]} gone={headers["x-gone"]} {id}"
            );
        };
        mesh.Route(
            "model",
            route =>
                route with
                {
                    Headers = new HeaderChanges([new HeaderValue("x-set", "100%")], [new HeaderValue("x-add", "2")], ["x-gone"]),
                }
        );
        var client = await mesh.AddClientAsync();
        using var request = new HttpRequestMessage(
            HttpMethod.Get,
            new Uri("http://model/a/%2e%2e/b%2Fc?q=%20", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true })
        );
        request.Headers.Add("x-set", "1");
        request.Headers.Add("x-add", "1");
        request.Headers.Add("x-gone", "1");
        using var response = await client.SendAsync(request, Cancellation);
        (await response.Content.ReadAsStringAsync(Cancellation)).ShouldBe("/a/%2e%2e/b%2Fc?q=%20 model set=100% add=1, 2 gone= 1");
    }

    [Fact]
    public async Task Faults_delay_and_abort_requests()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var application = (await mesh.AddPlainAsync("model"))[0];
        mesh.Route("model", route => route with { Fault = new FaultInjection(TimeSpan.FromMilliseconds(300), 100, 418, 100) });
        var client = await mesh.AddClientAsync();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var response = await client.GetAsync("http://model/", Cancellation);
        ((int)response.StatusCode).ShouldBe(418);
        (await response.Content.ReadAsStringAsync(Cancellation)).ShouldBe("fault filter abort");
        clock.Elapsed.ShouldBeGreaterThan(TimeSpan.FromMilliseconds(290));
        application.Requests.ShouldBe(0);
    }

    [Fact]
    public async Task A_mirror_gets_copies_with_their_bodies()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        await mesh.AddPlainAsync("model");
        var mirror = (await mesh.AddPlainAsync("mirror"))[0];
        var seen = new System.Collections.Concurrent.ConcurrentBag<string>();
        mirror.Handler = async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            seen.Add($"{context.Request.Method} {context.Request.Headers.Host} {await reader.ReadToEndAsync(Cancellation)}");
        };
        mesh.Change("mirror", port => port with { IsMirror = true });
        mesh.Route("model", route => route with { Mirror = new MirrorTarget(ProxyMesh.Target("mirror"), 100) });
        var client = await mesh.AddClientAsync();
        var response = await client.PostAsync("http://model/", new StringContent("hello"), Cancellation);
        (await response.Content.ReadAsStringAsync(Cancellation)).ShouldBe("model");
        await Eventually.Succeeds(() => seen.ShouldBe(["POST model hello"]));
    }

    [Fact]
    public async Task The_share_of_a_missing_backend_is_answered_with_500()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        await mesh.AddPlainAsync("model");
        mesh.Route(
            "model",
            route =>
                route with
                {
                    Backends =
                    [
                        new WeightedBackend(1, ProxyMesh.Target("model")),
                        new WeightedBackend(1, new MissingBackend(MissingReason.ServiceNotFound)),
                    ],
                }
        );
        var client = await mesh.AddClientAsync();
        var failed = 0;
        for (var i = 0; i < 400; i++)
        {
            if ((await client.GetAsync("http://model/", Cancellation)).StatusCode is HttpStatusCode.InternalServerError)
                failed++;
        }

        failed.ShouldBeInRange(150, 250);
    }
}
