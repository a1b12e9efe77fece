using System.Globalization;
using MeshOperator.EndToEnd.Checks;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>The checks after each scenario see what they are for.</summary>
public sealed class CheckScenarios(TestMesh mesh) : Scenario(mesh)
{
    private const StringComparison Is = StringComparison.Ordinal;

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

    /// <summary>Names in the README are given by their beginning or their end.</summary>
    [Fact]
    public void Each_of_the_eighteen_rows_of_model_traffic_names_tests_that_exist()
    {
        var tests = typeof(CheckScenarios).Assembly.GetTypes().SelectMany(type => type.GetMethods()).Select(method => method.Name).ToList();
        var rows = File.ReadLines(Path.Combine(Repository.Root, "tests/MeshOperator.EndToEnd/README.md"))
            .SkipWhile(line => line != "## Model traffic")
            .Select(line => line.Split('|'))
            .Where(cells => cells.Length == 8 && cells[1].Trim().All(char.IsAsciiDigit) && cells[1].Trim().Length > 0)
            .ToList();

        rows.Select(cells => int.Parse(cells[1], CultureInfo.InvariantCulture)).Distinct().ShouldBe(Enumerable.Range(1, 18));
        rows.SelectMany(cells => cells[6].Split(',', StringSplitOptions.TrimEntries))
            .Select(name => name.Trim('`'))
            .Where(name => !tests.Exists(test => name[0] == '…' ? test.EndsWith(name[1..], Is) : test.StartsWith(name.TrimEnd('…'), Is)))
            .ShouldBeEmpty();
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
        LogChecks.Unexpected(log, [ExpectedWarning.Of("something is wrong", "this test's own")]).ShouldBeEmpty();
    }
}
