using MeshOperator.EndToEnd.Checks;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>The checks after each scenario see what they are for.</summary>
public sealed class CheckScenarios(TestMesh mesh) : Scenario(mesh)
{
    [Fact]
    public async Task Resource_that_a_proxy_refuses_turns_the_check_red()
    {
        var folder = Directory.CreateTempSubdirectory("meshe2e-check");
        await using var network = await Mesh.AttachAsync();
        try
        {
            // The listener has no address, which Envoy refuses.
            await File.WriteAllTextAsync(
                Path.Combine(folder.FullName, "lds.yaml"),
                """
                resources:
                  - "@type": type.googleapis.com/envoy.config.listener.v3.Listener
                    name: bad
                """,
                TestContext.Current.CancellationToken
            );
            var bootstrap = $$"""
                {node: {id: bad, cluster: bad}, admin: {address: {socket_address: {address: 127.0.0.1, port_value: 15000} } },
                 dynamic_resources: {lds_config: {resource_api_version: V3, path_config_source: {path: {{folder.FullName}}/lds.yaml} } } }
                """;
            await using var envoy = await ChildProcess.StartAsync(
                network.Namespace,
                "exec setpriv --pdeathsig KILL \"$@\"",
                [Requirements.Envoy!, "--config-yaml", bootstrap, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
            );

            await Eventually.Succeeds(async () =>
            {
                var dump = await ProxyProcess.AdminAsync(network.Namespace, "/config_dump");
                ProxyChecks.Refused(dump).ShouldHaveSingleItem().ShouldContain("error adding listener named 'bad'");
            });
            LogChecks.Unexpected(envoy.Lines, []).ShouldNotBeEmpty();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>With <c>MESH_UPDATE_GOLDEN</c> the table is written.</summary>
    [Fact]
    public void Table_of_model_traffic_is_that_of_the_tests_which_show_it()
    {
        var path = Path.Combine(Repository.Root, "tests/MeshOperator.EndToEnd/README.md");
        var page = File.ReadAllText(path);
        var expected = ModelTrafficTable.Write(page);
        if (Environment.GetEnvironmentVariable("MESH_UPDATE_GOLDEN") is { Length: > 0 })
            File.WriteAllText(path, page = expected);

        page.ShouldBe(expected);
        ModelTrafficTable.Shown().ShouldBe(Enumerable.Range(1, ModelTrafficTable.Rows));
    }

    [Fact]
    public void Rejection_in_the_operators_log_turns_the_check_red()
    {
        string[] log =
        [
            """{"@t":"2026-11-29T10:00:00Z","@m":"Proxy web-1.shop rejected Listener version 7: no address","@l":"Warning"}""",
            """{"@t":"2026-11-29T10:00:00Z","@m":"Proxy web-1.other acknowledged"}""",
        ];

        LogChecks.Rejections(log, "shop").ShouldHaveSingleItem();
        LogChecks.Rejections(log, "other").ShouldBeEmpty();
    }

    [Fact]
    public void Warning_of_a_proxy_turns_the_check_red_unless_it_is_expected()
    {
        string[] log =
        [
            "[2026-11-29 10:00:00.000][12][warning][config] [source/a.cc:1] something is wrong",
            "[2026-11-29 10:00:00.000][12][info][main] [source/b.cc:1] all is well",
        ];

        LogChecks.Unexpected(log, []).ShouldHaveSingleItem();
        LogChecks.Unexpected(log, [ExpectedWarning.Create("something is wrong", "this test's own")]).ShouldBeEmpty();
    }
}
