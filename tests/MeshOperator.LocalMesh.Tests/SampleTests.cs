using System.Globalization;
using MeshOperator.Api.Policies;
using MeshOperator.Local;
using MeshOperator.Local.Node;
using MeshOperator.LocalMeshTests.ProxyScenarios;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalMeshTests;

/// <summary>What the samples promise, counted in requests.</summary>
public sealed class SampleTests
{
    private const string Completions = "http://chat/v1/completions";

    [Fact]
    public void Samples_share_a_cluster_as_no_two_have_an_object_of_the_same_name()
    {
        var objects =
            from folder in Directory.GetDirectories(Path.Combine(Repository.Root, "samples"))
            from manifest in ManifestFiles.Read(Directory.GetFiles(folder, "*.yaml"))
            let metadata = manifest.Object["metadata"]!
            let kind = (string)manifest.Object["kind"]!
            where kind != "Namespace"
            select (Sample: Path.GetFileName(folder), Name: $"{kind} {metadata["namespace"]}/{metadata["name"]}");

        var shared = objects.GroupBy(item => item.Name).Where(same => same.DistinctBy(item => item.Sample).Skip(1).Any());

        shared.Select(same => $"{same.Key}: {string.Join(", ", same.Select(item => item.Sample))}").ShouldBeEmpty();
    }

    [Fact]
    public async Task Canary_sends_a_tenth_to_the_new_version_and_half_after_a_patch_and_loses_no_request()
    {
        await using var mesh = await StartAsync("samples/canary");
        var before = await mesh.CallAsync("gateway", "http://model/", 400);
        await mesh.ApplyYamlAsync(
            """
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: model, namespace: serving}
            spec: {service: model, backends: [{service: model-v1, weight: 50}, {service: model-v2, weight: 50}]}
            """
        );
        var after = await mesh.CallAsync("gateway", "http://model/", 400);

        before.Concat(after).ShouldAllBe(call => call.IsSuccess);
        before.Count(call => call.Version == "v2").ShouldBeInRange(15, 75);
        after.Count(call => call.Version == "v2").ShouldBeInRange(150, 250);
        await Eventually.Succeeds(() => mesh.Mesh.Traffic.Total.Requests.ShouldBeGreaterThan(100));
        mesh.Mesh.Traffic.Total.Failed.ShouldBe(0);
        mesh.Reports.ShouldBeEmpty();
    }

    [Fact]
    public async Task Protection_is_acknowledged_by_the_proxies_that_it_is_for()
    {
        await using var mesh = await StartAsync("samples/canary");
        await mesh.ApplyFilesAsync("samples/protection");

        var view = await mesh.ViewAsync();
        view.Policies.Single(policy => policy.Kind == "CircuitBreaker").Proxies.ShouldBe("8/8");
        view.Policies.Single(policy => policy.Kind == "RateLimit").Proxies.ShouldBe("2/2");
    }

    [Fact]
    public async Task Mtls_takes_plaintext_until_it_is_strict()
    {
        await using var mesh = await StartAsync("samples/mtls");
        await Eventually.Succeeds(() =>
        {
            var ledger = mesh.Mesh.Traffic.Read().Single(row => row.Service == "ledger.payments");
            ledger.SuccessRate.ShouldBe(1);
            ledger.MutualTls.ShouldBeInRange(0.3, 0.7);
        });

        await mesh.ApplyYamlAsync(
            """
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: ledger, namespace: payments}
            spec: {selector: {matchLabels: {app: ledger}}, mode: Strict}
            """
        );

        (await mesh.CallAsync("shop", "http://ledger/", 20)).ShouldAllBe(call => call.IsSuccess);
        await Eventually.Succeeds(() =>
        {
            var rows = mesh.Mesh.Traffic.Read().Where(row => row.Service == "ledger.payments").ToList();
            var (requests, succeeded) = (rows.Sum(row => row.Requests), rows.Sum(row => row.Requests * row.SuccessRate));
            (succeeded / requests).ShouldBeInRange(0.3, 0.7);
        });
    }

    [Fact]
    public async Task Access_lets_one_caller_in_and_nobody_to_the_administration()
    {
        await using var mesh = await StartAsync("samples/access");

        (await mesh.CallAsync("shop", "http://orders/", 20)).ShouldAllBe(call => call.Status == "200");
        (await mesh.CallAsync("report", "http://orders/", 20)).ShouldAllBe(call => call.Status == "403");
        (await mesh.CallAsync("shop", "http://orders/admin/users", 20)).ShouldAllBe(call => call.Status == "403");
    }

    [Fact]
    public async Task Header_experiment_sends_marked_requests_to_the_new_version()
    {
        await using var mesh = await StartAsync("samples/header-experiment");

        (await mesh.CallAsync("web", "http://ranker/", 20)).ShouldAllBe(call => call.Version == "v1");
        (await mesh.CallAsync("web", "http://ranker/", 20, "GET", ("x-experiment", "ranker-v2"))).ShouldAllBe(call => call.Version == "v2");
    }

    [Fact]
    public async Task Shift_moves_all_requests_to_the_new_version_by_what_proxies_count()
    {
        await using var mesh = await StartAsync("samples/shift");

        (await ShiftAsync(mesh, ShiftPhase.AwaitingApproval))
            .Reason.ShouldNotBeNull()
            .ShouldSatisfyAllConditions(
                reason => reason.ShouldContain("successRate 100.00% of "),
                reason => reason.ShouldMatch("latency p90 [0-9]+ ms of [0-9,]+ requests to ranker-v2"),
                reason => reason.ShouldContain("capacity: ranker-v2 has 1 of 1 endpoints that 50% needs")
            );
        await mesh.AnnotateSplitAsync("ranking", "ranker", "approve ranker-v2/2");
        await ShiftAsync(mesh, ShiftPhase.Completed, acknowledged: true);

        (await mesh.CallAsync("web", "http://ranker/", 20)).ShouldAllBe(call => call.Version == "v2");
        mesh.Mesh.Traffic.Total.Failed.ShouldBe(0);
    }

    [Fact]
    public async Task Mirror_copies_half_of_the_requests_and_answers_all()
    {
        await using var mesh = await StartAsync("samples/mirror");

        (await mesh.CallAsync("web", "http://classifier/", 200)).ShouldAllBe(call => call.IsSuccess);

        mesh.FindPod("classifier").StandIn!.Requests.ShouldBe(200);
        await Eventually.Succeeds(() => mesh.FindPod("candidate").StandIn!.Requests.ShouldBeInRange(60, 140));
    }

    [Fact]
    public async Task Predictor_sends_a_fifth_of_the_predictions_and_nothing_else_to_the_new_revision()
    {
        await using var mesh = await StartAsync("samples/predictor");

        var predictions = await mesh.CallAsync("client", "http://iris-predictor/v2/models/iris/infer", 200, "POST");
        predictions.ShouldAllBe(call => call.IsSuccess);
        predictions.Count(call => call.Version == "v2").ShouldBeInRange(15, 70);
        (await mesh.CallAsync("client", "http://iris-predictor/v2/models/iris", 20)).ShouldAllBe(call => call.Version == "v1");
    }

    [Fact]
    public async Task Models_sends_a_fifth_of_the_completions_to_the_new_version_and_nothing_else()
    {
        await using var mesh = await StartAsync("samples/models");

        var completions = await mesh.CallAsync("client", Completions, 200, "POST");
        completions.ShouldAllBe(call => call.IsSuccess);
        completions.Count(call => call.Version == "v2").ShouldBeInRange(15, 70);
        (await mesh.CallAsync("client", "http://chat/v1/models", 20)).ShouldAllBe(call => call.IsSuccess && call.Version == "v1");
    }

    [Fact]
    public async Task Models_streams_tokens_to_their_end()
    {
        await using var mesh = await StartAsync("samples/models");
        using var client = PodClient.For(mesh.FindPod("client"));

        var reply = await client.SendAsync(
            HttpMethod.Post,
            Completions,
            [],
            new StringContent("""{"prompt": "Hello", "max_tokens": 40, "stream": true}""")
        );

        reply.Status.ShouldBe(200);
        reply.Body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(41);
        reply.Body.ShouldEndWith("data: [DONE]\n\n");
    }

    [Fact]
    public async Task Models_lets_requests_wait_for_the_four_slots_of_a_replica()
    {
        await using var mesh = await StartAsync("samples/models");

        var waited = await mesh.CallAsync("client", "http://chat-v2/v1/completions", 64, "POST");
        await mesh.RemovePoliciesAsync();
        await Eventually.Succeeds(async () =>
            (await mesh.CallAsync("client", "http://chat-v2/v1/completions", 64, "POST")).ShouldContain(call => call.Status == "503")
        );

        waited.ShouldAllBe(call => call.IsSuccess);
    }

    [Fact]
    public async Task Models_limits_the_tokens_of_each_key()
    {
        await using var mesh = await StartAsync("samples/models");

        var noisy = await mesh.CallAsync("client", Completions, 30, "POST", ("x-api-key", "noisy"), ("x-tokens", "20000"));
        var quiet = await mesh.CallAsync("client", Completions, 30, "POST", ("x-api-key", "quiet"));

        noisy.Count(call => call.IsSuccess).ShouldBeInRange(3, 9);
        noisy.ShouldAllBe(call => call.IsSuccess || call.Status == "429");
        quiet.ShouldAllBe(call => call.IsSuccess);
    }

    [Fact]
    public async Task Models_computes_no_completion_twice()
    {
        await using var mesh = await StartAsync("samples/models");

        var failed = await mesh.CallAsync("client", Completions, 20, "POST", ("x-standin-status", "503"));

        failed.ShouldAllBe(call => call.Status == "503");
        mesh.Pods("chat").Sum(pod => pod.StandIn!.Requests).ShouldBe(20);
    }

    [Theory]
    [InlineData("production", 3, 50)]
    [InlineData("staging", 200, 200)]
    public async Task Gitops_overlays_differ_in_weights(string overlay, int least, int most)
    {
        var manifests = await Kustomize.BuildAsync($"samples/gitops/overlays/{overlay}");
        await using var mesh = await RunningMesh.StartAsync(ProxyChoice.BuiltIn);
        await mesh.ApplyYamlAsync(manifests);

        var calls = await mesh.CallAsync("web", "http://catalog/", 200);
        calls.ShouldAllBe(call => call.IsSuccess);
        calls.Count(call => call.Version == "v2").ShouldBeInRange(least, most);
    }

    [Fact]
    public async Task Proxyless_gRPC_sends_a_fifth_of_the_calls_to_the_new_version()
    {
        var python = await FindPythonWithGrpcAsync();
        Assert.SkipWhen(python is null, "No python3 has grpcio: apt-get install python3-grpcio.");
        await using var mesh = await StartAsync("samples/proxyless-grpc");
        var bootstrap = await File.ReadAllTextAsync(
            Path.Combine(Repository.Root, "samples/proxyless-grpc/client/bootstrap.json"),
            Cancellation
        );
        bootstrap.ShouldContain("127.0.0.1:15010");

        var (status, output) = await Programs.RunAsync(
            "env",
            [
                $"GRPC_XDS_BOOTSTRAP_CONFIG={bootstrap.Replace("127.0.0.1:15010", mesh.XdsAddress, StringComparison.Ordinal)}",
                python,
                Path.Combine(Repository.Root, "samples/proxyless-grpc/client/client.py"),
                "200",
            ],
            TimeSpan.FromSeconds(60),
            Cancellation
        );

        status.ShouldBe(0, output);
        var counts = output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' '))
            .ToDictionary(parts => parts[1], parts => int.Parse(parts[0], CultureInfo.InvariantCulture));
        counts.Keys.Order().ShouldBe(["v1", "v2"]);
        counts.Values.Sum().ShouldBe(200);
        counts["v2"].ShouldBeInRange(15, 70);
    }

    /// <summary>Waits until the shift of the sample is in a phase.</summary>
    private static async Task<ShiftStatus> ShiftAsync(RunningMesh mesh, ShiftPhase phase, bool acknowledged = false)
    {
        ShiftStatus? shift = null;
        await Eventually.Succeeds(
            async () =>
            {
                shift = (await mesh.FindSplitAsync("ranking", "ranker")).Status.ShouldNotBeNull().Shifts.ShouldNotBeNull()[0];
                shift.Phase.ShouldBe(phase, shift.Reason);
                if (acknowledged)
                    shift.AcknowledgedAt.ShouldNotBeNull();
            },
            TimeSpan.FromSeconds(90)
        );
        return shift!;
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The distribution's own Python has the packages of the distribution, another one on the <c>PATH</c> may not.</summary>
    private static async Task<string?> FindPythonWithGrpcAsync()
    {
        foreach (var python in new[] { "/usr/bin/python3", Programs.Find("python3") })
        {
            if (!File.Exists(python))
                continue;
            var (status, _) = await Programs.RunAsync(python, ["-c", "import grpc"], TimeSpan.FromSeconds(30), Cancellation);
            if (status == 0)
                return python;
        }

        return null;
    }

    private static async Task<RunningMesh> StartAsync(string sample)
    {
        var mesh = await RunningMesh.StartAsync(ProxyChoice.BuiltIn);
        await mesh.ApplyFilesAsync(sample);
        return mesh;
    }
}
