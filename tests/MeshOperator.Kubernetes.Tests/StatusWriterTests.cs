using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Status;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

public sealed class StatusWriterTests(EmbeddedApiServer server) : IAsyncLifetime
{
    private readonly TestLeadership _leadership = new();
    private string _namespace = string.Empty;
    private k8s.Kubernetes _client = null!;
    private EntityClient<V1Deployment> _deployments = null!;
    private StatusWriter<V1Deployment> _writer = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _namespace = await server.NamespaceAsync();
        _client = server.Client();
        _deployments = new EntityClient<V1Deployment>(new KubernetesTransport(_client, TimeProvider.System));
        _writer = new StatusWriter<V1Deployment>(_deployments, _leadership);
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _leadership.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_status_is_written_only_when_it_says_something_else()
    {
        var cached = await CreateAsync();
        var written = await WriteAsync(cached, 3);
        written!.Status.ReadyReplicas.ShouldBe(3);
        // The informer has not seen the write, the writer knows it all the same.
        _writer.Latest(cached).Status.ReadyReplicas.ShouldBe(3);
        (await WriteAsync(cached, 3))!.Metadata.ResourceVersion.ShouldBe(written.Metadata.ResourceVersion);
        (await LiveAsync()).Metadata.ResourceVersion.ShouldBe(written.Metadata.ResourceVersion);

        var again = await WriteAsync(cached, 4);
        again!.Metadata.ResourceVersion.ShouldNotBe(written.Metadata.ResourceVersion);
        _writer.Latest(again).ShouldBeSameAs(again);
        _writer.Latest(await LiveAsync()).Status.ReadyReplicas.ShouldBe(4);
    }

    [Fact]
    public async Task A_status_decided_on_an_older_version_of_the_same_generation_is_written_after_another_look()
    {
        var cached = await CreateAsync();
        await PatchAsync("""{"metadata":{"labels":{"a":"b"}}}""");
        (await WriteAsync(cached, 3))!.Metadata.Labels["a"].ShouldBe("b");
    }

    [Fact]
    public async Task A_status_about_an_older_generation_or_another_object_is_not_written()
    {
        var cached = await CreateAsync();
        await PatchAsync("""{"spec":{"replicas":7}}""");
        (await WriteAsync(cached, 3)).ShouldBeNull();

        await _deployments.DeleteAsync(ObjectKey.From(cached), Cancellation);
        (await WriteAsync(cached, 3)).ShouldBeNull();
        await CreateAsync();
        (await WriteAsync(cached, 3)).ShouldBeNull();
        (await LiveAsync()).Status?.ReadyReplicas.ShouldBeNull();
    }

    [Fact]
    public async Task A_late_write_of_a_replica_that_no_longer_leads_does_not_undo_what_the_new_leader_wrote()
    {
        var seenWhileLeading = await CreateAsync();
        using var other = new TestLeadership();
        _leadership.Set(false);
        await new StatusWriter<V1Deployment>(_deployments, other).WriteAsync(seenWhileLeading, Status(5), "test", Cancellation);

        (await WriteAsync(seenWhileLeading, 3)).ShouldBeNull();
        (await LiveAsync()).Status.ReadyReplicas.ShouldBe(5);
    }

    private static V1DeploymentStatus Status(int ready) => new() { Replicas = 9, ReadyReplicas = ready };

    private Task<V1Deployment?> WriteAsync(V1Deployment cached, int ready) =>
        _writer.WriteAsync(cached, Status(ready), "test", Cancellation);

    private async Task<V1Deployment> LiveAsync() => (await _deployments.GetAsync(new ObjectKey(_namespace, "a"), Cancellation))!;

    private Task<V1Deployment> PatchAsync(string patch) =>
        _deployments.MergePatchAsync(new ObjectKey(_namespace, "a"), (JsonObject)JsonNode.Parse(patch)!, Cancellation);

    private Task<V1Deployment> CreateAsync() =>
        _deployments.CreateAsync(
            new V1Deployment
            {
                Metadata = new V1ObjectMeta { Name = "a", NamespaceProperty = _namespace },
                Spec = new V1DeploymentSpec
                {
                    Replicas = 1,
                    Selector = new V1LabelSelector { MatchLabels = new Dictionary<string, string> { ["app"] = "a" } },
                    Template = new V1PodTemplateSpec
                    {
                        Metadata = new V1ObjectMeta { Labels = new Dictionary<string, string> { ["app"] = "a" } },
                        Spec = new V1PodSpec { Containers = [new V1Container { Name = "app", Image = "app" }] },
                    },
                },
            },
            Cancellation
        );
}
