using System.Diagnostics;
using System.Text.Json.Nodes;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Serilog.Events;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Attacks;

/// <summary>Thousands of bad streams from the same address as good ones.</summary>
public sealed class FloodTests
{
    private const int Bad = 5000;
    private const int Connections = 8;
    private const int Good = 6;

    [Fact]
    public async Task Good_proxies_connect_and_get_pushes_while_thousands_of_bad_streams_come()
    {
        await using var cluster = await TestCluster.StartLocalAsync();
        using var console = new ConsoleCapture();
        await using var mesh = await TestOperator.StartAsync(cluster, options => options with { LogLevel = LogEventLevel.Information });
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web", pods: Good + 1);
        await ns.ServiceAsync("next");
        var tokens = new List<string>();
        for (var i = 0; i <= Good; i++)
            tokens.Add(await ProxyTokens.IssueAsync(cluster, ns, $"web-{i}"));
        using var reviews = TokenAttackTests.CountReviews(cluster);

        var clock = Stopwatch.StartNew();
        var flood = FloodAsync(mesh, ns, tokens[Good]);
        var rounds = 0;
        while (!flood.IsCompleted)
        {
            await RoundAsync(mesh, ns, tokens, weight: rounds + 1);
            if (!flood.IsCompleted)
                rounds++;
        }

        var ends = await flood;
        var seconds = clock.Elapsed.TotalSeconds;
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{ends.ByOperator} and {ends.ByHttp} bad streams in {seconds:0.0} s, {rounds} rounds of {Good} good proxies meanwhile, "
                + $"{reviews.Fired} reviews"
        );
        rounds.ShouldBeGreaterThan(0);
        // Kestrel refuses some by itself, as their connection is too busy.
        (ends.ByOperator + ends.ByHttp).ShouldBe(Bad);
        (await MetricsPage.RefusedAsync(mesh)).Values.Sum().ShouldBeInRange(ends.ByOperator, Bad);
        ends.ByOperator.ShouldBeGreaterThan(Bad / 2);
        // What good ones need, what the known pod and the address have to try, and what these get again with time.
        reviews.Fired.ShouldBeLessThan((Good * (int)(1 + (seconds / 10) + 1)) + 20 + (int)(2 * (seconds + 1)));
        console
            .End()
            .Split('\n')
            .Count(line => line.Contains("Refused", StringComparison.Ordinal))
            .ShouldBeLessThan(12 * (1 + (int)(seconds / 60)));
    }

    /// <summary>Proxies that reconnect, get their identity, and are sent a change.</summary>
    private static async Task RoundAsync(TestOperator mesh, TestNamespace ns, List<string> tokens, int weight)
    {
        var proxies = Enumerable.Range(0, Good).Select(i => ProxyTokens.Connect(mesh, $"web-{i}.{ns.Name}", tokens[i])).ToList();
        var route = $"outbound/80/web.{ns.Name}";
        foreach (var proxy in proxies)
        {
            (await proxy.FetchAsync(ResourceType.Secret, "identity")).Resources.ShouldHaveSingleItem();
            (await proxy.FetchAsync(ResourceType.Route, route)).Resources.ShouldHaveSingleItem();
        }

        await ns.SplitAsync("split", "web", ("web", weight), ("next", 1000));
        foreach (var proxy in proxies)
            (await proxy.NextAsync()).Resources.ShouldHaveSingleItem().Name.ShouldBe(route);
        foreach (var proxy in proxies)
            await proxy.DisposeAsync();
    }

    /// <summary>How many were refused by the operator and how many by its HTTP server. Each comes with its own token, so that no answer is
    /// remembered for it.</summary>
    private static async Task<(int ByOperator, int ByHttp)> FloodAsync(TestOperator mesh, TestNamespace ns, string token)
    {
        var channels = Enumerable.Range(0, Connections).Select(_ => ProxyTokens.Channel(mesh)).ToList();
        var (byOperator, byHttp) = (0, 0);
        await Parallel.ForAsync(
            0,
            Bad,
            new ParallelOptions { MaxDegreeOfParallelism = 64, CancellationToken = TestContext.Current.CancellationToken },
            async (i, _) =>
            {
                var node = i % 5 == 4 ? $"ghost-{i}.{ns.Name}" : $"web-{Good}.{ns.Name}";
                using var stream = new RawStream(channels[i % Connections], Forged(token, i));
                var end = await stream.EndAsync(RawStream.Request(node, ResourceType.Secret, "identity"));
                if (end.DebugException is null)
                    Interlocked.Increment(ref byOperator);
                else
                    Interlocked.Increment(ref byHttp);
            }
        );
        foreach (var channel in channels)
            channel.Dispose();
        return (byOperator, byHttp);
    }

    private static string? Forged(string token, int i) =>
        (i % 5) switch
        {
            0 => null,
            1 => $"nonsense-{i}",
            2 => ProxyTokens.Forge(token, claims: c => c["aud"] = JsonValue.Create($"audience-{i}")),
            3 => ProxyTokens.Forge(token, claims: c => c["jti"] = JsonValue.Create(i)),
            _ => ProxyTokens.Forge(token, claims: c => c["kubernetes.io"]!["pod"]!["name"] = $"ghost-{i}"),
        };
}
