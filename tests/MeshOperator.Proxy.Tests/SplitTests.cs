using MeshOperator.Mesh.Model;
using MeshOperator.Proxy.Tests.Support;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests;

public sealed class SplitTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_through_the_proxy_reaches_a_service_by_each_of_its_names()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var application = (await mesh.AddPlainAsync("model"))[0];
        var client = await mesh.AddClientAsync();
        foreach (var host in (string[])["model", "model.shop", "model.shop.svc", "model.shop.svc.cluster.local", "model:80", "10.96.0.1"])
            (await client.GetStringAsync($"http://{host}/path?x=1", Cancellation)).ShouldBe("model", host);
        application.Requests.ShouldBe(6);
    }

    [Fact]
    public async Task A_split_shares_requests_by_weight_and_a_change_of_it_is_in_effect_at_once()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var stable = (await mesh.AddPlainAsync("model"))[0];
        var canary = (await mesh.AddPlainAsync("canary"))[0];
        mesh.Route(
            "model",
            route =>
                route with
                {
                    Backends = [new WeightedBackend(70, ProxyMesh.Target("model")), new WeightedBackend(30, ProxyMesh.Target("canary"))],
                }
        );
        var client = await mesh.AddClientAsync();
        const int Requests = 1000;
        for (var i = 0; i < Requests; i++)
            (await client.GetAsync("http://model/", Cancellation)).EnsureSuccessStatusCode();
        canary.Requests.ShouldBeInRange(240, 360);
        (stable.Requests + canary.Requests).ShouldBe(Requests);

        mesh.Route("model", route => route with { Backends = [new WeightedBackend(1, ProxyMesh.Target("canary"))] });
        await Eventually.Succeeds(async () => (await client.GetStringAsync("http://model/", Cancellation)).ShouldBe("canary"));
    }
}
