using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using MeshOperator.Mesh.Model;
using MeshOperator.Proxy.Tests.Support;
using MeshOperator.Testing;
using Microsoft.AspNetCore.Http;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests;

public sealed class LifecycleTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_proxy_that_stops_lets_requests_in_flight_finish_and_takes_no_more()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (application, proxy, address) = await mesh.AddMeshedAsync("model");
        var release = new TaskCompletionSource();
        application.Handler = async context =>
        {
            await release.Task;
            await context.Response.WriteAsync("done");
        };
        var client = await mesh.AddClientAsync();
        var call = client.GetStringAsync("http://model/", Cancellation);
        await Eventually.Succeeds(() => application.Requests.ShouldBe(1));
        var stopping = proxy.DisposeAsync().AsTask();
        await Eventually.Succeeds(async () =>
        {
            using var socket = new TcpClient();
            await Should.ThrowAsync<SocketException>(() => socket.ConnectAsync(IPAddress.Parse(address), 8080, Cancellation).AsTask());
        });
        release.SetResult();
        (await call).ShouldBe("done");
        await stopping;
    }

    [Fact]
    public async Task Readiness_metrics_and_probes_are_answered_at_the_listeners_of_the_bootstrap()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var address = Loopback.Next();
        var application = await mesh.ApplicationAsync("app", address, PortProtocol.Http);
        application.Handler = context => context.Response.WriteAsync(context.Request.Path);
        var bootstrap = mesh.Bootstrap("probed", address);
        bootstrap["stats_config"] = new JsonObject
        {
            ["stats_tags"] = new JsonArray(new JsonObject { ["tag_name"] = "workload", ["fixed_value"] = "probed" }),
        };
        bootstrap["admin"] = new JsonObject { ["address"] = PipeAddress() };
        bootstrap["static_resources"] = new JsonObject
        {
            ["clusters"] = new JsonArray(Pipe("admin"), Cluster("application/8080", address, 8080), Check("check", address, 8080)),
            ["listeners"] = new JsonArray(
                Listener("readiness", address, 15021, [Route("/healthz/ready", "admin", "/ready")]),
                Listener("admin", address, 15000, [Page("/config_dump", "admin"), Refusal()]),
                Listener(
                    "probes",
                    address,
                    15020,
                    [Route("/app-health/app/livez", "application/8080", "/livez")],
                    "/app-health/app/readyz",
                    "check"
                )
            ),
        };
        mesh.Add(await MeshProxy.StartAsync(bootstrap, new MeshProxyOptions(), Cancellation));
        using var client = new HttpClient();
        await Eventually.Succeeds(async () =>
            (await client.GetAsync($"http://{address}:15021/healthz/ready")).IsSuccessStatusCode.ShouldBeFalse()
        );
        (await client.GetStringAsync(new Uri($"http://{address}:15020/app-health/app/livez"), Cancellation)).ShouldBe("/livez");
        (await client.GetAsync(new Uri($"http://{address}:15020/app-health/app/readyz"), Cancellation)).StatusCode.ShouldBe(
            HttpStatusCode.OK
        );
        (await client.GetAsync(new Uri($"http://{address}:15021/stats/prometheus"), Cancellation)).StatusCode.ShouldBe(
            HttpStatusCode.NotFound
        );
        (await client.GetStringAsync(new Uri($"http://{address}:15000/config_dump?include_eds"), Cancellation)).ShouldStartWith("{");
        (await client.GetAsync(new Uri($"http://{address}:15000/clusters"), Cancellation)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        await application.DisposeAsync();
        (await client.GetAsync(new Uri($"http://{address}:15020/app-health/app/readyz"), Cancellation)).StatusCode.ShouldBe(
            HttpStatusCode.ServiceUnavailable
        );
    }

    [Fact]
    public async Task The_admin_interface_shows_counts_and_the_configuration_without_keys()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        await mesh.AddMeshedAsync("model");
        var client = await mesh.AddClientAsync();
        await client.GetStringAsync("http://model/", Cancellation);
        using var direct = new HttpClient { BaseAddress = new Uri($"http://{mesh.FindAddress("client")}:15000") };
        (await direct.GetStringAsync("/ready", Cancellation)).ShouldBe("LIVE\n");
        var statistics = await direct.GetStringAsync("/stats/prometheus", Cancellation);
        statistics.ShouldContain(
            "envoy_cluster_upstream_rq_xx{envoy_cluster_name=\"outbound/80/shop/model\",envoy_response_code_class=\"2\"} 1"
        );
        var dump = await direct.GetStringAsync("/config_dump", Cancellation);
        dump.ShouldContain("outbound/80/model.shop");
        dump.ShouldNotContain("PRIVATE KEY");
        (await direct.GetStringAsync("/clusters", Cancellation)).ShouldContain("outbound/80/model.shop::");
    }

    [Fact]
    public async Task A_bootstrap_without_an_operator_is_refused_with_what_it_lacks()
    {
        var bootstrap = new JsonObject { ["node"] = new JsonObject { ["id"] = "a.b" } };
        var exception = await Should.ThrowAsync<ArgumentException>(() =>
            MeshProxy.StartAsync(bootstrap, new MeshProxyOptions(), Cancellation)
        );
        exception.Message.ShouldStartWith("bootstrap: dynamic_resources.ads_config.grpc_services.0.google_grpc.target_uri is missing");
    }

    private static JsonObject Route(string path, string cluster, string target) =>
        new()
        {
            ["match"] = new JsonObject { ["path"] = path },
            ["route"] = new JsonObject { ["cluster"] = cluster, ["prefix_rewrite"] = target },
        };

    private static JsonObject Page(string path, string cluster) =>
        new()
        {
            ["match"] = new JsonObject { ["path"] = path },
            ["route"] = new JsonObject { ["cluster"] = cluster },
        };

    private static JsonObject Refusal() =>
        new()
        {
            ["match"] = new JsonObject { ["prefix"] = "/" },
            ["direct_response"] = new JsonObject { ["status"] = 403 },
        };

    private static JsonObject PipeAddress() => new() { ["pipe"] = new JsonObject { ["path"] = "/run/admin.sock" } };

    private static JsonObject Pipe(string name) => Cluster(name, PipeAddress());

    private static JsonObject Cluster(string name, string address, int port) => Cluster(name, ProxyMesh.SocketAddress(address, port));

    private static JsonObject Cluster(string name, JsonObject address) =>
        new()
        {
            ["name"] = name,
            ["load_assignment"] = new JsonObject
            {
                ["endpoints"] = new JsonArray(
                    new JsonObject
                    {
                        ["lb_endpoints"] = new JsonArray(new JsonObject { ["endpoint"] = new JsonObject { ["address"] = address } }),
                    }
                ),
            },
        };

    private static JsonObject Check(string name, string address, int port)
    {
        var cluster = Cluster(name, address, port);
        cluster["health_checks"] = new JsonArray(new JsonObject { ["timeout"] = "1s", ["tcp_health_check"] = new JsonObject() });
        return cluster;
    }

    private static JsonObject Listener(
        string name,
        string address,
        int port,
        JsonObject[] routes,
        string? check = null,
        string? checkedBy = null
    )
    {
        var filters = new JsonArray();
        if (check is not null)
            filters.Add(
                new JsonObject
                {
                    ["typed_config"] = new JsonObject
                    {
                        ["cluster_min_healthy_percentages"] = new JsonObject { [checkedBy!] = new JsonObject { ["value"] = 100 } },
                        ["headers"] = new JsonArray(new JsonObject { ["string_match"] = new JsonObject { ["exact"] = check } }),
                    },
                }
            );
        return new JsonObject
        {
            ["name"] = name,
            ["address"] = ProxyMesh.SocketAddress(address, port),
            ["filter_chains"] = new JsonArray(
                new JsonObject
                {
                    ["filters"] = new JsonArray(
                        new JsonObject
                        {
                            ["typed_config"] = new JsonObject
                            {
                                ["http_filters"] = filters,
                                ["route_config"] = new JsonObject
                                {
                                    ["virtual_hosts"] = new JsonArray(new JsonObject { ["routes"] = new JsonArray([.. routes]) }),
                                },
                            },
                        }
                    ),
                }
            ),
        };
    }
}
