using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Events;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

public sealed class EventPublisherTests(EmbeddedApiServer server) : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(
        DateTimeOffset.Parse("2026-01-01T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture)
    );
    private string _namespace = string.Empty;
    private k8s.Kubernetes _client = null!;
    private EntityClient<Corev1Event> _events = null!;
    private EventPublisher _publisher = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _namespace = await server.NamespaceAsync();
        _client = server.Client();
        _events = new EntityClient<Corev1Event>(new KubernetesTransport(_client, TimeProvider.System));
        _publisher = new EventPublisher(_events, _time);
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task What_is_said_again_raises_the_count_of_one_event()
    {
        for (var i = 0; i < 3; i++)
        {
            await PublishAsync("a", "Refused", "no such service");
            _time.Advance(TimeSpan.FromMinutes(1));
        }

        await PublishAsync("a", "Refused", "another service");
        var events = await ListAsync();
        events.Count.ShouldBe(2);
        var repeated = events.Single(e => e.Message == "no such service");
        repeated.Count.ShouldBe(3);
        repeated.FirstTimestamp.ShouldBe(_time.Start.UtcDateTime);
        repeated.LastTimestamp.ShouldBe(_time.Start.UtcDateTime.AddMinutes(2));
        (repeated.Type, repeated.InvolvedObject.Name).ShouldBe(("Warning", "a"));
    }

    [Fact]
    public async Task What_is_said_again_much_later_or_after_its_event_is_gone_is_a_new_event()
    {
        await PublishAsync("a", "Refused", "x");
        _time.Advance(TimeSpan.FromMinutes(11));
        await PublishAsync("a", "Refused", "x");
        (await ListAsync()).Count.ShouldBe(2);

        foreach (var one in await ListAsync())
            await _events.DeleteAsync(ObjectKey.From(one), Cancellation);
        await PublishAsync("a", "Refused", "x");
        (await ListAsync()).ShouldHaveSingleItem().Count.ShouldBe(1);
    }

    [Fact]
    public async Task One_object_cannot_flood_the_cluster_with_events()
    {
        using var metrics = new Measurements("kind", "ConfigMap");
        for (var i = 0; i < 40; i++)
            await PublishAsync("noisy", "Refused", $"message {i}");
        await PublishAsync("quiet", "Refused", "once");
        var events = await ListAsync();
        events.Count(e => e.InvolvedObject.Name == "noisy").ShouldBe(25);
        events.Count(e => e.InvolvedObject.Name == "quiet").ShouldBe(1);
        metrics.Sum("meshoperator.events.dropped").ShouldBe(15);

        _time.Advance(TimeSpan.FromMinutes(1));
        await PublishAsync("noisy", "Refused", "later");
        (await ListAsync()).Count(e => e.InvolvedObject.Name == "noisy").ShouldBe(26);
    }

    [Fact]
    public async Task Many_at_once_are_one_event()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, 10), Cancellation, async (_, _) => await PublishAsync("a", "Refused", "x"));
        (await ListAsync()).ShouldHaveSingleItem().Count.ShouldBe(10);
    }

    private Task PublishAsync(string name, string reason, string message) =>
        _publisher.PublishAsync(
            new V1ConfigMap
            {
                ApiVersion = "v1",
                Kind = "ConfigMap",
                Metadata = new V1ObjectMeta
                {
                    Name = name,
                    NamespaceProperty = _namespace,
                    Uid = name,
                },
            },
            isWarning: true,
            reason,
            message,
            Cancellation
        );

    private async Task<List<Corev1Event>> ListAsync() =>
        [.. (await _events.ListAsync(Cancellation)).Where(e => e.Metadata.NamespaceProperty == _namespace)];
}
