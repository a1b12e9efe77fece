using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

/// <summary>A translation that fails on one object.</summary>
public sealed class TranslationFaultTests(TestCluster cluster)
{
    /// <summary>The weight at which the translation fails.</summary>
    private const int Poison = 13;

    [Fact]
    public async Task Policy_on_which_the_operator_fails_keeps_its_version_before_and_the_rest_goes_on()
    {
        await using var mesh = await TestOperator.StartAsync(cluster, options => options with { TranslationFault = Fail });
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");
        await using var proxy = await scene.AcknowledgeAsync(mesh, "caller-0");

        await scene.Namespace.SplitAsync(SplitScene.Split, "model", ("model-v1", Poison), ("model-v2", 10));
        await scene.EventuallyAsync(split => Accepted(split).ShouldBe(("False", "TranslationFailed")));
        Message(await scene.SplitAsync()).ShouldContain("the version before stays in effect");

        // A change elsewhere arrives all the same.
        await scene.Namespace.ServiceAsync("other", root: true);
        await proxy.FetchAsync(ResourceType.Route, $"outbound/80/other.{scene.Name}");

        await scene.Namespace.SplitAsync(SplitScene.Split, "model", ("model-v1", 20), ("model-v2", 10));
        await scene.EventuallyAsync(split => Accepted(split).ShouldBe(("True", "Accepted")));
    }

    [Fact]
    public async Task Replica_that_starts_with_such_a_policy_serves_all_others()
    {
        await using var scene = await ServeAndStopAsync();
        await using var mesh = await TestOperator.StartAsync(cluster, options => options with { TranslationFault = Fail });

        await scene.EventuallyAsync(split => Accepted(split).ShouldBe(("False", "TranslationFailed")));
        Message(await scene.SplitAsync()).ShouldContain("it has no effect");
        await using var proxy = await scene.AcknowledgeAsync(mesh, "caller-0");
        await scene.Namespace.SplitAsync("second", "model-v1", ("model-v2", 100));
        await scene.EventuallyAsync(split => Accepted(split).ShouldBe(("True", "Accepted")), "second");
    }

    [Fact]
    public async Task Fault_of_no_object_is_tried_again_without_a_change()
    {
        var (fails, failures) = (false, 0);
        await using var mesh = await TestOperator.StartAsync(cluster, options => options with { TranslationFault = _ => FailWhile() });
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");
        Volatile.Write(ref fails, true);
        await scene.Namespace.SplitAsync(SplitScene.Split, "model", ("model-v1", 20), ("model-v2", 10));
        await Eventually.Succeeds(() => Volatile.Read(ref failures).ShouldBeGreaterThan(1));

        Volatile.Write(ref fails, false);

        await Eventually.Succeeds(
            async () => (await scene.SplitAsync()).Status.ShouldNotBeNull().ObservedGeneration.ShouldBe(2),
            TimeSpan.FromSeconds(60)
        );

        void FailWhile()
        {
            if (!Volatile.Read(ref fails))
                return;
            Interlocked.Increment(ref failures);
            throw new InvalidOperationException("the translation fails");
        }
    }

    private async Task<SplitScene> ServeAndStopAsync()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        var scene = await SplitScene.CreateAsync(cluster, "caller-0");
        await scene.Namespace.SplitAsync(SplitScene.Split, "model", ("model-v1", Poison), ("model-v2", 10));
        return scene;
    }

    private static void Fail(ClusterSnapshot snapshot)
    {
        var splits = snapshot.Policies[PolicyKinds.TrafficSplit].Values.OfType<PolicyRecord<TrafficSplitSpec>>();
        if (splits.Any(split => split.Spec?.Backends?.Any(backend => backend.Weight == Poison) == true))
            throw new InvalidOperationException("the translation fails on this");
    }

    private static (string, string) Accepted(TrafficSplit split)
    {
        var condition = split.Status.ShouldNotBeNull().Conditions.Single(c => c.Type == "Accepted");
        return (condition.Status, condition.Reason);
    }

    private static string Message(TrafficSplit split) => split.Status!.Conditions.Single(c => c.Type == "Accepted").Message;
}
