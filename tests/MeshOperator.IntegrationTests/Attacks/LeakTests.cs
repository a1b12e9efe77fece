using System.Text;
using k8s.Models;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Mesh.Model;
using MeshOperator.Testing;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Rendering;
using MeshOperator.Xds.Resources;
using Serilog.Events;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Attacks;

/// <summary>Looks for keys and tokens wherever the operator writes something.</summary>
public sealed class LeakTests(TestCluster cluster)
{
    [Fact]
    public async Task No_key_and_no_token_is_in_the_log_the_metrics_the_events_or_a_dump()
    {
        using var console = new ConsoleCapture();
        await using var mesh = await TestOperator.StartAsync(
            cluster,
            options => options with { LogLevel = LogEventLevel.Debug, JsonLog = true }
        );
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web", pods: 2);
        await ns.ServiceAsync("next");
        List<string> secrets = [];
        foreach (var pod in new[] { "web-0", "web-1" })
        {
            var token = await ProxyTokens.IssueAsync(cluster, ns, pod);
            secrets.AddRange(token.Split('.')[1..]);
            secrets.AddRange(KeyLines((await ProxySecrets.FetchAsync(cluster, mesh, ns, pod)).Key));
            await RefuseAsync(mesh, $"next-0.{ns.Name}", token);
            await RefuseAsync(mesh, $"{pod}.{ns.Name}", token + "A");
            await RefuseAsync(mesh, token, token);
        }

        secrets.AddRange(
            KeyLines(
                Encoding.ASCII.GetString(
                    (await cluster.Entities<V1Secret>().GetAsync(new ObjectKey(mesh.Namespace, "mesh-ca"), CancellationToken.None))!.Data[
                        "tls.key"
                    ]
                )
            )
        );
        await RejectAsync(mesh, ns);
        await ns.SplitAsync("second", "web", ("next", 1));
        var events = string.Empty;
        await Eventually.Succeeds(async () =>
        {
            events = string.Join(
                '\n',
                (await cluster.Entities<Corev1Event>().ListAsync(CancellationToken.None)).Select(e =>
                    $"{e.Reason} {e.Message} {e.InvolvedObject.Name}"
                )
            );
            events.ShouldContain("second");
        });

        var (metrics, dump) = (await MetricsPage.ReadAsync(mesh), Dump(mesh, ns));
        await mesh.StopAsync();
        var log = console.End();
        log.ShouldContain($"web-0.{ns.Name}");
        metrics.ShouldContain("meshoperator_xds_refused");
        dump.ShouldContain($"outbound/80/web.{ns.Name}");
        foreach (var (where, text) in new[] { ("log", log), ("metrics", metrics), ("events", events), ("dump", dump) })
        {
            text.Contains("PRIVATE KEY", StringComparison.Ordinal).ShouldBeFalse(where);
            foreach (var secret in secrets)
                text.Contains(secret, StringComparison.Ordinal).ShouldBeFalse(where);
        }
    }

    private static async Task RefuseAsync(TestOperator mesh, string nodeId, string token)
    {
        await using var proxy = ProxyTokens.Connect(mesh, nodeId, token);
        await proxy.SubscribeAsync(ResourceType.Secret, "identity");
        (await proxy.EndAsync()).Detail.ShouldNotContain(token.Split('.')[^1]);
    }

    /// <summary>Makes the operator log what a proxy says.</summary>
    private async Task RejectAsync(TestOperator mesh, TestNamespace ns)
    {
        await ns.SplitAsync("first", "web", ("web", 1), ("next", 1));
        await using var proxy = ProxyTokens.Connect(mesh, $"web-0.{ns.Name}", await ProxyTokens.IssueAsync(cluster, ns, "web-0"));
        await proxy.SubscribeAsync(ResourceType.Secret, "identity");
        await proxy.RejectAsync(await proxy.NextAsync(), "cannot use this certificate");
        await proxy.FetchAsync(ResourceType.Route, $"outbound/80/web.{ns.Name}");
    }

    private static string[] KeyLines(string pem) => [.. pem.Split('\n').Where(line => line.Length >= 32 && !line.StartsWith('-'))];

    private static string Dump(TestOperator mesh, TestNamespace ns)
    {
        var configuration = ((SnapshotCache)mesh.Host.Services.GetService(typeof(SnapshotCache))!).Current!;
        var dump = new StringBuilder();
        foreach (var type in Enum.GetValues<ResourceType>())
        {
            dump.AppendLine(ConfigurationJson.Shared(configuration, type).ToJsonString());
            dump.AppendLine(ConfigurationJson.Own(configuration, new WorkloadName(ns.Name, "web-0"), type).ToJsonString());
            dump.AppendLine(ConfigurationJson.Proxyless(configuration, type).ToJsonString());
        }

        return dump.ToString();
    }
}
