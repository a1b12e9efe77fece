using System.Net;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

public sealed class MutualTlsUnderLoadScenarios(TestMesh mesh) : Scenario(mesh)
{
    [Fact]
    public async Task The_mode_that_changes_7_times_under_load_fails_no_request_of_a_meshed_caller()
    {
        var shop = await NamespaceAsync("mode", proxies: 2);
        await shop.DeployAsync("web");
        var friend = await shop.DeployAsync("friend");

        var load = await friend.Client.LoadAsync(
            "http://web/",
            rate: 150,
            during: async _ =>
            {
                foreach (var mode in new[] { "Strict", "Permissive", "Disabled", "Strict", "Disabled", "Permissive", "Strict" })
                    await MtlsAsync(shop, $"mode: {mode}");
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
        load.Count(HttpStatusCode.OK).ShouldBe(load.Total, load.ToString());
    }

    [Fact]
    public async Task Caller_that_is_denied_and_allowed_again_under_load_gets_403_and_200_and_nothing_else()
    {
        var shop = await NamespaceAsync("access", proxies: 2);
        await shop.DeployAsync("web");
        var friend = await shop.DeployAsync("friend");

        var load = await friend.Client.LoadAsync(
            "http://web/",
            rate: 150,
            during: async load =>
            {
                await MtlsAsync(shop, $"mode: Strict, deny: [{{namespaces: [{shop.Name}]}}]");
                await Eventually.Succeeds(
                    () => load.SoFar.Samples.TakeLast(50).ShouldAllBe(s => s.Status == 403),
                    TimeSpan.FromSeconds(45)
                );
                await MtlsAsync(shop, $"mode: Strict, allow: [{{namespaces: [{shop.Name}]}}]");
                await Eventually.Succeeds(
                    () => load.SoFar.Samples.TakeLast(50).ShouldAllBe(s => s.Status == 200),
                    TimeSpan.FromSeconds(45)
                );
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
        (load.Count(HttpStatusCode.OK) + load.Count(HttpStatusCode.Forbidden)).ShouldBe(load.Total, load.ToString());
    }

    private static Task MtlsAsync(TestNamespace ns, string spec) =>
        ns.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: web}
            spec: {selector: {matchLabels: {app: web} }, {{spec}} }
            """
        );
}
