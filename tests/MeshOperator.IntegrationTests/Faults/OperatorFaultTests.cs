using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Testing;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;
using Fault = MeshOperator.LocalCluster.Faults.Fault;

namespace MeshOperator.IntegrationTests.Faults;

/// <summary>What goes wrong when the operator writes, or when the API server asks it. On an API server of their own in this
/// process.</summary>
public sealed class OperatorFaultTests : IAsyncLifetime
{
    private TestCluster _cluster = null!;
    private TestOperator _mesh = null!;
    private TestNamespace _namespace = null!;

    public async ValueTask InitializeAsync()
    {
        _cluster = await TestCluster.StartLocalAsync();
        _mesh = await TestOperator.StartAsync(_cluster);
        _namespace = await TestNamespace.CreateAsync(_cluster);
        await _namespace.ServiceAsync("model", root: true);
        await _namespace.ServiceAsync("model-v1");
    }

    public async ValueTask DisposeAsync()
    {
        await _mesh.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Theory]
    [InlineData(409)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task A_status_that_is_not_taken_is_written_again(int code)
    {
        using var order = _cluster.Faults.Order(
            Fault.Answer(code) with
            {
                Verbs = ["patch", "update"],
                Resource = "trafficsplits.meshoperator.io",
                Times = 3,
            }
        );

        await _namespace.SplitAsync("model", "model", ("model-v1", 1));

        await Eventually.Succeeds(() => order.Fired.ShouldBe(3));
        await ConvergesAsync();
    }

    [Fact]
    public async Task A_policy_that_its_webhook_could_not_check_is_not_taken_until_it_can()
    {
        using var order = _cluster.Faults.Order(Fault.UnavailableWebhook("trafficsplits.meshoperator.io") with { Times = 2 });

        for (var i = 0; i < 2; i++)
        {
            var refused = await Should.ThrowAsync<KubernetesApiException>(() => _namespace.SplitAsync("model", "model", ("model-v1", 1)));
            refused.Message.ShouldContain("failed calling webhook \"trafficsplits.meshoperator.io\"");
        }

        (await _cluster.Entities<TrafficSplit>().ListAsync(TestContext.Current.CancellationToken)).ShouldBeEmpty();
        await _namespace.SplitAsync("model", "model", ("model-v1", 1));
        order.Fired.ShouldBe(2);
        await ConvergesAsync();
    }

    private Task ConvergesAsync() =>
        Eventually.Succeeds(async () =>
        {
            var split = (await _cluster.Entities<TrafficSplit>().ListAsync(TestContext.Current.CancellationToken)).ShouldHaveSingleItem();
            split.Status.ShouldNotBeNull().Conditions.Single(c => c.Type == "Accepted").Status.ShouldBe("True");
            split.Status.Conditions.ShouldAllBe(c => c.ObservedGeneration == split.Metadata.Generation);
            var cached = _mesh.Host.Services.GetRequiredService<SharedInformer<TrafficSplit>>().Objects.ShouldHaveSingleItem().Value;
            cached.Metadata.ResourceVersion.ShouldBe(split.Metadata.ResourceVersion);
        });
}
