using System.Net;
using Envoy.Config.Route.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Mesh.Model;
using MeshOperator.Proxy.Tests.Support;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests;

public sealed class DiscoveryTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_field_that_is_not_supported_is_rejected_by_name_and_the_last_good_routes_stay()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        await mesh.AddPlainAsync("model");
        var client = await mesh.AddClientAsync();
        mesh.Tamper(routes =>
            routes.VirtualHosts[0].Routes[0].Route_.MaxStreamDuration = new RouteAction.Types.MaxStreamDuration
            {
                MaxStreamDuration_ = new Duration { Seconds = 1 },
            }
        );
        await Eventually.Succeeds(() =>
            Rejection(mesh, ResourceType.Route)
                .ShouldEndWith(
                    ": the built-in proxy does not support envoy.config.route.v3.RouteAction.max_stream_duration "
                        + "(rds.virtual_hosts[0].routes[0].route.max_stream_duration)"
                )
        );
        (await client.GetStringAsync("http://model/", Cancellation)).ShouldBe("model");

        // What is good again is taken.
        mesh.Update(model => model);
        await Eventually.Succeeds(() => Rejection(mesh, ResourceType.Route).ShouldBeNull());
    }

    [Fact]
    public async Task A_filter_and_a_value_that_are_not_known_are_rejected_by_name()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        await mesh.AddPlainAsync("model");
        await mesh.AddClientAsync();
        mesh.Tamper(routes =>
            routes.VirtualHosts[0].Routes[0].TypedPerFilterConfig["lua"] = new Any { TypeUrl = "type.googleapis.com/envoy.Lua" }
        );
        await Eventually.Succeeds(() =>
            Rejection(mesh, ResourceType.Route)
                .ShouldEndWith(
                    ": the built-in proxy does not support envoy.Lua (rds.virtual_hosts[0].routes[0].typed_per_filter_config[lua])"
                )
        );
        mesh.Tamper(routes =>
            routes.VirtualHosts[0].Routes[0].Route_.RetryPolicy = new RetryPolicy { RetryOn = "5xx,http3-post-connect-failure" }
        );
        await Eventually.Succeeds(() =>
            Rejection(mesh, ResourceType.Route).ShouldEndWith(": the built-in proxy does not support retry_on http3-post-connect-failure")
        );
    }

    [Fact]
    public async Task Routes_are_rejected_for_the_reason_that_is_asked_for()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        await mesh.AddPlainAsync("model");
        var client = await mesh.AddClientAsync(options: new MeshProxyOptions { RejectRoutes = "just because" });
        await Eventually.Succeeds(() => Rejection(mesh, ResourceType.Route).ShouldEndWith(": just because"));
        (await client.GetAsync("http://model/", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_proxy_goes_on_without_the_operator_and_comes_back_to_it_with_a_new_token()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        await mesh.AddPlainAsync("model");
        await mesh.AddPlainAsync("canary");
        var client = await mesh.AddClientAsync();
        await mesh.StopServerAsync();
        mesh.RenewToken();
        (await client.GetStringAsync("http://model/", Cancellation)).ShouldBe("model");
        await mesh.StartServerAsync();
        mesh.Route("model", route => route with { Backends = [new WeightedBackend(1, ProxyMesh.Target("canary"))] });
        await Eventually.Succeeds(async () => (await client.GetStringAsync("http://model/", Cancellation)).ShouldBe("canary"));
    }

    private static string? Rejection(ProxyMesh mesh, ResourceType type) =>
        mesh.Registry.GetProxy("client.shop").ShouldNotBeNull().Types.Single(status => status.Type == type).Rejection;
}
