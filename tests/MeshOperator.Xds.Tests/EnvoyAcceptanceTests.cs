using System.Text.Json;
using MeshOperator.Testing;
using MeshOperator.Xds.Rendering;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Telemetry;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>Holds what is served against Envoy's own definitions, rules and protocol.</summary>
public sealed class EnvoyAcceptanceTests
{
    [Theory]
    [InlineData("delta", ShopMesh.Node)]
    [InlineData("delta", ShopMesh.StrictNode)]
    [InlineData("delta", "db-0.shop")]
    [InlineData("delta", "guarded-0.shop")]
    [InlineData("delta", "both-0.shop")]
    [InlineData("sotw", ShopMesh.Node)]
    public async Task Everything_a_proxy_is_sent_is_what_Envoy_accepts(string mode, string node)
    {
        await using var server = await XdsTestServer.StartAsync();

        var (status, output) = await XdsCheck.ValidateAsync(
            "--server",
            server.Address,
            "--plaintext",
            "--node-id",
            node,
            "--mode",
            mode,
            "--strict"
        );

        status.ShouldBe(0, output);
    }

    [Theory]
    [InlineData(AccessLogMode.Errors)]
    [InlineData(AccessLogMode.All)]
    public async Task Access_logs_and_tracing_are_what_Envoy_accepts(AccessLogMode mode)
    {
        await using var server = await XdsTestServer.StartAsync(
            telemetry: new TelemetrySettings(mode, new TracingSettings("collector.observability.svc", 4317, 12.5))
        );

        foreach (var node in new[] { ShopMesh.Node, "guarded-0.shop" })
        {
            var (status, output) = await XdsCheck.ValidateAsync("--server", server.Address, "--plaintext", "--node-id", node, "--strict");
            status.ShouldBe(0, output);
        }
    }

    [Theory]
    [InlineData("delta")]
    [InlineData("sotw")]
    public async Task The_server_keeps_the_xDS_protocol(string mode)
    {
        await using var server = await XdsTestServer.StartAsync();

        var (status, output) = await XdsCheck.RunAsync(
            "protocol",
            "--server",
            server.Address,
            "--plaintext",
            "--node-id",
            ShopMesh.Node,
            "--variants",
            mode,
            "--idle",
            "11s",
            "--trigger-url",
            $"{server.ControlUrl}/touch/change",
            "--cluster-trigger-url",
            $"{server.ControlUrl}/touch/cluster",
            "--all-trigger-url",
            $"{server.ControlUrl}/touch/all",
            "--add-trigger-url",
            $"{server.ControlUrl}/touch/add",
            "--remove-trigger-url",
            $"{server.ControlUrl}/touch/remove"
        );

        status.ShouldBe(0, output);
        output.ShouldContain(" 0 fail, 0 warn,", customMessage: output);
    }

    [Theory]
    [InlineData("10.96.0.1:80", "GET", "outbound/80/web.shop=0.9 outbound/80/web-v2.shop=0.1")]
    [InlineData("10.96.0.1:80", "POST", "outbound/80/web.shop=0.9 outbound/80/web-v2.shop=0.1")]
    [InlineData("[fd00:96::10]:80", "GET", "outbound/80/both.shop=1")]
    [InlineData("10.0.6.1:8080", "GET", "direct/7000/peers.shop=1")]
    [InlineData("10.0.6.3:8080", "GET", "direct/7000/peers.shop/plaintext=1")]
    [InlineData("10.96.0.11:80", "GET", "outbound/80/pooled.shop/split=1")]
    [InlineData("10.96.0.7:80", "GET", "500=0.5 outbound/80/half.shop=0.25 outbound/80/web.shop=0.25")]
    public async Task A_split_is_routed_by_its_weights(string listener, string method, string expected)
    {
        await using var server = await XdsTestServer.StartAsync();

        var result = await RouteAsync(server, ShopMesh.Node, "--listener", listener, "--host", "web.shop", "--method", method);

        Shares(result).ShouldBe(expected.Split(' '), ignoreOrder: true);
    }

    [Theory]
    [InlineData(ShopMesh.Node, "8080", "", "inbound/8080/plaintext")]
    [InlineData(ShopMesh.Node, "8080", "--tls", "inbound/8080/tls")]
    [InlineData(ShopMesh.Node, "8080", "--alpn meshoperator", "inbound/8080/mtls")]
    [InlineData(ShopMesh.Node, "8080", "--alpn meshoperator-http,meshoperator", "inbound/8080/mtls")]
    [InlineData(ShopMesh.Node, "9000", "", "inbound/9000/plaintext-http")]
    [InlineData(ShopMesh.Node, "9000", "--alpn meshoperator-http,meshoperator", "inbound/9000/mtls-http")]
    [InlineData(ShopMesh.Node, "9000", "--alpn meshoperator", "inbound/9000/mtls")]
    [InlineData(ShopMesh.Node, "8443", "", null)]
    [InlineData(ShopMesh.Node, "8443", "--tls", null)]
    [InlineData(ShopMesh.Node, "8443", "--alpn meshoperator", "inbound/8443/mtls")]
    [InlineData(ShopMesh.Node, "9090", "", "inbound/9090/any")]
    [InlineData(ShopMesh.Node, "9091", "", "inbound/9091/any")]
    [InlineData(ShopMesh.Node, "1234", "", "inbound/passthrough/plaintext")]
    [InlineData(ShopMesh.Node, "15006", "", "blackhole")]
    [InlineData(ShopMesh.StrictNode, "1234", "", null)]
    [InlineData(ShopMesh.StrictNode, "1234", "--alpn meshoperator", "inbound/passthrough/mtls")]
    [InlineData("db-0.shop", "1234", "", "inbound/passthrough/any")]
    public async Task A_port_takes_what_its_mode_allows_and_closes_the_rest(string node, string port, string connection, string? chain)
    {
        await using var server = await XdsTestServer.StartAsync();

        var result = await RouteAsync(
            server,
            node,
            ["--inbound", "--port", port, .. connection.Split(' ', StringSplitOptions.RemoveEmptyEntries)]
        );

        (result.TryGetProperty("filterChain", out var name) ? name.GetString() : null).ShouldBe(chain);
    }

    [Theory]
    [InlineData("8080", "web", "GET", "/api/score", "allow")]
    [InlineData("8080", "web", "POST", "/api/score", "deny")]
    [InlineData("8080", "web", "GET", "/other", "deny")]
    [InlineData("8080", "web", "GET", "/api/admin/keys", "deny")]
    [InlineData("8080", "api", "GET", "/api/admin/keys", "allow")]
    [InlineData("8080", "db", "GET", "/api/score", "deny")]
    [InlineData("8080", null, "GET", "/api/score", "deny")]
    [InlineData("9000", "db", "GET", "/api/score", "allow")]
    [InlineData("5432", "api", "", "", "allow")]
    [InlineData("5432", "web", "", "", "deny")]
    [InlineData("1234", "api", "", "", "deny")]
    public async Task Access_rules_refuse_what_they_do_not_allow_and_audits_refuse_nothing(
        string port,
        string? caller,
        string method,
        string path,
        string verdict
    )
    {
        await using var server = await XdsTestServer.StartAsync();
        string[] connection = caller is null ? [] : ["--alpn", "meshoperator", "--peer", ShopMesh.Identity(caller)];
        string[] request = method.Length == 0 ? [] : ["--method", method, "--path", path, "--host", "guarded"];

        var result = await RouteAsync(server, "guarded-0.shop", ["--inbound", "--port", port, .. connection, .. request]);

        // Who may not send bytes does not get through the handshake.
        (Verdicts(result).Contains("deny") || FailsHandshake(result)).ShouldBe(verdict == "deny", result.ToString());
        if (method.Length == 0)
            FailsHandshake(result).ShouldBe(verdict == "deny");
    }

    [Theory]
    [InlineData("10.0.12.1:2380")]
    [InlineData("[fd00::12:1]:2380")]
    public async Task A_connection_to_an_endpoint_of_a_headless_service_goes_on_to_that_endpoint_by_mutual_TLS(string address)
    {
        await using var server = await XdsTestServer.StartAsync();

        var result = await RouteAsync(server, ShopMesh.Node, "--listener", address);

        // Where a filter of its own sends bytes xdscheck does not follow.
        var filter = result.GetProperty("networkFilters").EnumerateArray().Last().GetProperty("name").GetString();
        var configuration = new EnvoyTranslator().Translate(ShopMesh.Model());
        ConfigurationJson.Shared(configuration, ResourceType.Extension).Single(extension => (string?)extension!["name"] == filter)![
            "typed_config"
        ]!
            ["cluster"]
            .ShouldNotBeNull()
            .GetValue<string>()
            .ShouldBe("direct/2380/quorum.shop");
        ConfigurationJson
            .Shared(configuration, ResourceType.Cluster)
            .Single(cluster => (string?)cluster!["name"] == "direct/2380/quorum.shop")!
            .ToJsonString()
            .ShouldContain(ShopMesh.Identity("quorum"));
    }

    /// <summary>What the enforcing filters say, of the connection and of the request.</summary>
    private static bool FailsHandshake(JsonElement result) =>
        result.TryGetProperty("verdict", out var verdict) && verdict.GetString()!.Contains("the handshake fails", StringComparison.Ordinal);

    private static List<string?> Verdicts(JsonElement result)
    {
        var filters = result.TryGetProperty("networkFilters", out var network) ? network.EnumerateArray().ToList() : [];
        if (result.TryGetProperty("outcomes", out var outcomes))
        {
            foreach (var outcome in outcomes.EnumerateArray())
            {
                if (outcome.TryGetProperty("httpFilters", out var http))
                    filters.AddRange(http.EnumerateArray());
            }
        }

        return
        [
            .. filters
                .Where(f => f.GetProperty("name").GetString()!.Contains("rbac", StringComparison.Ordinal))
                .Select(f => f.TryGetProperty("verdict", out var verdict) ? verdict.GetString() : null),
        ];
    }

    private static async Task<JsonElement> RouteAsync(XdsTestServer server, string node, params string[] arguments)
    {
        var (_, output) = await XdsCheck.RunAsync(["route", "--server", server.Address, "--plaintext", "--node-id", node, .. arguments]);
        var begin = output.IndexOf('{', StringComparison.Ordinal);
        begin.ShouldBeGreaterThanOrEqualTo(0, output);
        return JsonSerializer.Deserialize<JsonElement>(output[begin..(output.LastIndexOf('}') + 1)]);
    }

    /// <summary>Where requests go, as name or status and share of all.</summary>
    private static List<string> Shares(JsonElement result)
    {
        var shares = new List<string>();
        foreach (var outcome in result.GetProperty("outcomes").EnumerateArray())
        {
            var probability = outcome.GetProperty("probability").GetDouble();
            if (outcome.TryGetProperty("status", out var status))
                shares.Add($"{status}={probability:0.####}");
            if (!outcome.TryGetProperty("clusters", out var clusters))
                continue;
            foreach (var cluster in clusters.EnumerateArray())
            {
                shares.Add(
                    $"{cluster.GetProperty("name").GetString()}={probability * cluster.GetProperty("probability").GetDouble():0.####}"
                );
            }
        }

        return shares;
    }
}
