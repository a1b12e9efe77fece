using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalMeshTests.ProxyScenarios;

/// <summary>What changes while requests are in flight.</summary>
public abstract class ChangeScenarios(ScenarioMesh mesh) : ProxyScenario(mesh)
{
    [Fact]
    public async Task Weights_that_change_12_times_under_load_fail_no_request()
    {
        await WeightAsync(0);

        var replies = await Friend.LoadAsync(
            Url,
            async () =>
            {
                for (var i = 1; i <= 12; i++)
                    await WeightAsync(8 * i);
            }
        );

        AllAnswered(replies);
        replies.ShouldContain(reply => reply.Version == "web");
        replies.ShouldContain(reply => reply.Version == "canary");
    }

    [Fact]
    public async Task The_mode_that_changes_under_load_fails_no_request_of_a_meshed_caller()
    {
        var replies = await Friend.LoadAsync(
            Url,
            async () =>
            {
                foreach (var mode in new[] { "Strict", "Permissive", "Disabled", "Permissive", "Strict" })
                    await MtlsAsync($"mode: {mode}");
            }
        );

        AllAnswered(replies);
    }

    [Fact]
    public async Task Policies_that_come_and_go_under_load_fail_no_request()
    {
        var replies = await Friend.LoadAsync(
            Url,
            async () =>
            {
                await TargetAsync("RetryPolicy", "attempts: 2");
                await TargetAsync("CircuitBreaker", "maxConnections: 100");
                await TargetAsync("RateLimit", "limits: [{requests: 10000, unit: Second}]");
                await MtlsAsync("mode: Permissive\ndeny: [{paths: [/admin]}]");
                await Mesh.Running.RemovePoliciesAsync();
            }
        );

        AllAnswered(replies);
    }

    [Fact]
    public async Task Caller_that_is_denied_and_allowed_again_under_load_gets_403_and_200_and_nothing_else()
    {
        var replies = await Friend.LoadAsync(
            Url,
            async () =>
            {
                await MtlsAsync("mode: Permissive\ndeny: [{serviceAccounts: [friend]}]");
                await MtlsAsync("mode: Permissive\ndeny: null");
            }
        );

        replies[^1].Status.ShouldBe(200);
        replies.ShouldContain(reply => reply.Status == 403);
        replies.Where(reply => reply.Status is not (200 or 403)).Select(reply => reply.ToString()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Pod_that_is_deleted_under_load_fails_no_request()
    {
        var gone = Mesh.Running.FindPod("web");

        var replies = await Friend.LoadAsync(
            Url,
            async () =>
            {
                await Mesh.Running.DeletePodAsync("web");
                await Eventually.Succeeds(() => Mesh.Running.Pods("web").Count.ShouldBe(2));
                await Mesh.Running.Mesh.ApplyAsync([], TestContext.Current.CancellationToken);
            }
        );

        AllAnswered(replies);
        replies.ShouldContain(reply => reply.Pod == gone.Pod.Metadata.Name);
    }

    private Task WeightAsync(int canary) =>
        SplitAsync($"backends: [{{service: {Web}, weight: {100 - canary}}}, {{service: canary, weight: {canary}}}]");
}

[Collection<OnBuiltIn>]
public sealed class BuiltInChangeScenarios(BuiltInMesh mesh) : ChangeScenarios(mesh);

[Collection<OnEnvoy>]
public sealed class EnvoyChangeScenarios(EnvoyMesh mesh) : ChangeScenarios(mesh);
