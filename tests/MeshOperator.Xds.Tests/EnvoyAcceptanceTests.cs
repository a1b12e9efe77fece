using System.Text.Json;
using MeshOperator.Xds.Tests.Support;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>Holds what is served against Envoy's own definitions, rules and protocol.</summary>
public sealed class EnvoyAcceptanceTests
{
    [Theory]
    [InlineData("delta", ShopMesh.Node)]
    [InlineData("delta", ShopMesh.StrictNode)]
    [InlineData("delta", "db-0.shop")]
    [InlineData("sotw", ShopMesh.Node)]
    public async Task Everything_a_proxy_is_sent_is_what_Envoy_accepts(string mode, string node)
    {
        await using var server = await XdsTestServer.StartAsync();

        var (status, output) = await XdsCheck.RunAsync(
            "validate", "--server", server.Address, "--plaintext", "--node-id", node, "--mode", mode, "--strict");

        status.ShouldBe(0, output);
    }

    [Theory]
    [InlineData("delta")]
    [InlineData("sotw")]
    public async Task The_server_keeps_the_xDS_protocol(string mode)
    {
        await using var server = await XdsTestServer.StartAsync();

        var (status, output) = await XdsCheck.RunAsync(
            "protocol", "--server", server.Address, "--plaintext", "--node-id", ShopMesh.Node, "--variants", mode, "--idle", "11s",
            "--trigger-url", $"{server.ControlUrl}/touch/change",
            "--cluster-trigger-url", $"{server.ControlUrl}/touch/cluster",
            "--all-trigger-url", $"{server.ControlUrl}/touch/all",
            "--add-trigger-url", $"{server.ControlUrl}/touch/add",
            "--remove-trigger-url", $"{server.ControlUrl}/touch/remove");

        status.ShouldBe(0, output);
        output.ShouldContain(" 0 fail, 0 warn,", customMessage: output);
    }

    [Fact]
    public async Task A_split_is_routed_by_its_weights()
    {
        await using var server = await XdsTestServer.StartAsync();

        var (status, output) = await XdsCheck.RunAsync(
            "route", "--server", server.Address, "--plaintext", "--node-id", ShopMesh.Node, "--listener", "10.96.0.1:80", "--host", "web.shop");

        status.ShouldBe(0, output);
        output.ShouldContain("0.9");
        output.ShouldContain("outbound/80/web-v2.shop");
    }
}
