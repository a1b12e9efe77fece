using System.Text.Json.Nodes;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>A TrafficSplit <c>web</c> that sends all requests to <c>web</c> or to <c>canary</c>, and whether its status agrees with what
/// requests find.</summary>
/// <param name="shop">The namespace of both.</param>
internal sealed class SplitUnderLoad(TestNamespace shop)
{
    private static readonly TimeSpan SettlesWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private readonly List<string> _false = [];

    /// <summary>When it was last begun to send requests elsewhere, by the load's clock.</summary>
    private TimeSpan _changedAt;

    /// <summary>Requests to <c>http://web/</c>; null while there are none.</summary>
    public Load? Load { get; set; }

    /// <summary>Requests that contradict a status.</summary>
    public IReadOnlyList<string> False => _false;

    /// <summary>Sends all requests to another version.</summary>
    /// <param name="version">One of the two.</param>
    /// <param name="settles">Whether to wait until the status says so.</param>
    public async Task SendToAsync(string version, bool settles)
    {
        _changedAt = Load?.Now ?? TimeSpan.Zero;
        var other = version == "web" ? "canary" : "web";
        var split = $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: web}
            spec: {service: web, backends: [{service: {{version}}, weight: 100}, {service: {{other}}, weight: 0}]}
            """;
        // The API server's connection to a webhook may be to a replica that is gone or paused, and a call ends after 10 s; whoever applies,
        // tries again.
        await Eventually.Succeeds(() => shop.ApplyAsync(split, programmed: false), SettlesWithin);
        if (settles)
            await IsTrueAsync(SettlesWithin);
    }

    /// <summary>Waits until the status says that all proxies have the split as it is now, and then looks whether requests agree for a
    /// second, or until somebody else changes the split.</summary>
    public async Task IsTrueAsync(TimeSpan within)
    {
        var (version, asked) = (string.Empty, TimeSpan.Zero);
        await Eventually.Succeeds(
            async () =>
            {
                asked = Load?.Now ?? TimeSpan.Zero;
                version = await AcknowledgedAsync();
            },
            within
        );
        if (Load is not { } load)
            return;
        var from = load.Now;
        await load.GoOnAsync(Look);
        var until = _changedAt > asked ? _changedAt : from + Look;
        foreach (var sample in load.SoFar.Between(from, until).Samples)
        {
            if (sample.Status == 200 && sample.Version != version)
                _false.Add($"at {sample.Start}: {sample.Version} answered when all proxies were said to send requests to {version}");
        }
    }

    /// <summary>Where the split as it is now sends requests, if its status says that all proxies have it.</summary>
    private async Task<string> AcknowledgedAsync()
    {
        var split = await Policies.ReadAsync(shop.Mesh, "TrafficSplit", shop.Name, "web");
        var condition = (split["status"]?["conditions"] as JsonArray)?.FirstOrDefault(c => (string?)c!["type"] == "Programmed");
        if (
            (string?)condition?["status"] != "True"
            || (long?)condition["observedGeneration"] != (long?)split["metadata"]!["generation"]
            || (int?)split["status"]!["proxies"]!["targeted"] != (int?)split["status"]!["proxies"]!["acknowledged"]
        )
            throw new TimeoutException($"the split is not acknowledged by all: {split["status"]?.ToJsonString()}");
        return (string)split["spec"]!["backends"]![0]!["service"]!;
    }
}
