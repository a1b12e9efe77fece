using System.Globalization;
using k8s;
using k8s.Models;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalCluster.Tests;

public sealed class WatchTests(ClusterFixture fixture)
{
    private readonly RunningCluster _cluster = fixture.Cluster;

    [Fact]
    public async Task A_watch_from_a_list_sees_every_change_after_it_in_order()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/configmaps";
        var version = await VersionAsync(path);
        await _cluster.CreateAsync(path, Manifests.ConfigMap("a"));
        using var watch = await _cluster.WatchAsync(
            $"{path}?watch=true&resourceVersion={version}&fieldSelector=metadata.name!=kube-root-ca.crt"
        );
        await _cluster.PatchAsync(path + "/a", "application/merge-patch+json", """{"data":{"key":"2"}}""");
        await _cluster.SendAsync(HttpMethod.Delete, path + "/a");

        (await watch.NextNameAsync("ADDED")).ShouldBe("a");
        (await watch.NextNameAsync("MODIFIED")).ShouldBe("a");
        (await watch.NextNameAsync("DELETED")).ShouldBe("a");
    }

    [Fact]
    public async Task An_object_that_goes_with_its_last_finalizer_is_only_deleted()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/configmaps";
        await _cluster.CreateAsync(path, """{"metadata":{"name":"a","finalizers":["example.com/hold"]}}""");
        await _cluster.SendAsync(HttpMethod.Delete, path + "/a");
        using var watch = await _cluster.WatchAsync(
            $"{path}?watch=true&resourceVersion={await VersionAsync(path)}&fieldSelector=metadata.name%3Da"
        );

        await _cluster.PatchAsync(path + "/a", "application/merge-patch+json", """{"metadata":{"finalizers":null}}""");

        var gone = (await watch.NextAsync())!.Value;
        gone.Type.ShouldBe("DELETED");
        gone.Object["metadata"]!["finalizers"].ShouldBeNull();
        (await _cluster.GetAsync(path + "/a")).Code.ShouldBe(404);
    }

    [Fact]
    public async Task A_watch_with_a_selector_sees_objects_come_and_go_as_their_labels_change()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/configmaps";
        await _cluster.CreateAsync(path, Manifests.ConfigMap("a"));
        using var watch = await _cluster.WatchAsync($"{path}?watch=true&resourceVersion={await VersionAsync(path)}&labelSelector=on%3Dyes");

        await _cluster.PatchAsync(path + "/a", "application/merge-patch+json", """{"metadata":{"labels":{"on":"yes"}}}""");
        await _cluster.PatchAsync(path + "/a", "application/merge-patch+json", """{"metadata":{"labels":{"on":"no"}}}""");

        await watch.NextNameAsync("ADDED");
        var gone = (await watch.NextAsync())!.Value;
        gone.Type.ShouldBe("DELETED");
        ((string)gone.Object["metadata"]!["labels"]!["on"]!).ShouldBe("yes");
    }

    [Fact]
    public async Task A_version_older_than_the_history_gets_an_expired_error_event()
    {
        await using var cluster = await RunningCluster.StartAsync(new LocalClusterOptions { WatchHistory = 5 });
        const string path = "/api/v1/namespaces/default/configmaps";
        var version = await VersionAsync(path, cluster);
        await cluster.CreateAsync(path, Manifests.ConfigMap("a"));
        for (var i = 0; i < 10; i++)
            await cluster.PatchAsync(path + "/a", "application/merge-patch+json", $$$"""{"data":{"key":"{{{i}}}x"}}""");

        using var watch = await cluster.WatchAsync($"{path}?watch=true&resourceVersion={version}");
        var error = (await watch.NextAsync())!.Value;

        error.Type.ShouldBe("ERROR");
        ((int)error.Object["code"]!).ShouldBe(410);
        ((string)error.Object["reason"]!).ShouldBe("Expired");
        (await watch.NextAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task Initial_events_end_with_a_bookmark()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/secrets";
        await _cluster.CreateAsync(path, """{"metadata":{"name":"s"},"stringData":{"a":"b"}}""");

        using var watch = await _cluster.WatchAsync(
            $"{path}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
        );

        (await watch.NextNameAsync("ADDED")).ShouldBe("s");
        var bookmark = (await watch.NextAsync())!.Value;
        bookmark.Type.ShouldBe("BOOKMARK");
        ((string)bookmark.Object["metadata"]!["annotations"]!["k8s.io/initial-events-end"]!).ShouldBe("true");
    }

    [Fact]
    public async Task A_watch_ends_after_its_timeout()
    {
        using var watch = await _cluster.WatchAsync("/api/v1/nodes?watch=true&timeoutSeconds=1");

        (await watch.NextNameAsync("ADDED")).ShouldBe("local");
        (await watch.NextAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task A_paged_list_shows_one_moment_even_when_objects_change_between_the_pages()
    {
        var path = $"/api/v1/namespaces/{await fixture.NamespaceAsync()}/configmaps";
        for (var i = 0; i < 5; i++)
            await _cluster.CreateAsync(path, Manifests.ConfigMap($"c{i}"));

        var first = (await _cluster.GetAsync(path + "?limit=2")).Body;
        await _cluster.SendAsync(HttpMethod.Delete, path + "/c4");
        var token = Uri.EscapeDataString((string)first["metadata"]!["continue"]!);
        var rest = (await _cluster.GetAsync($"{path}?limit=10&continue={token}")).Body;

        ((int)first["metadata"]!["remainingItemCount"]!).ShouldBe(4);
        rest["items"]!.AsArray().Select(i => (string)i!["metadata"]!["name"]!).ShouldBe(["c2", "c3", "c4", "kube-root-ca.crt"]);
        rest["metadata"]!["resourceVersion"]!.ToString().ShouldBe(first["metadata"]!["resourceVersion"]!.ToString());
    }

    [Fact]
    public async Task The_csharp_client_watches_with_its_own_types()
    {
        var name = await fixture.NamespaceAsync();
        var seen = new List<string>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var watching = Task.Run(
            async () =>
            {
                await foreach (var (type, pod) in _cluster.Client.CoreV1.WatchListNamespacedPodAsync(name, cancellationToken: stop.Token))
                    lock (seen)
                        seen.Add($"{type} {pod.Metadata.Name} {pod.Status?.Phase}");
            },
            TestContext.Current.CancellationToken
        );

        await _cluster.Client.CoreV1.CreateNamespacedPodAsync(
            new V1Pod
            {
                Metadata = new V1ObjectMeta { Name = "p" },
                Spec = new V1PodSpec { Containers = [new V1Container { Name = "c", Image = "x" }] },
            },
            name,
            cancellationToken: TestContext.Current.CancellationToken
        );

        await Eventually.Succeeds(() =>
        {
            lock (seen)
                seen.ShouldContain(change => change.EndsWith("p Running", StringComparison.Ordinal));
        });
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(watching);
    }

    [Fact]
    public async Task The_server_stops_at_once_although_watches_are_open()
    {
        var cluster = await RunningCluster.StartAsync(new LocalClusterOptions());
        using var watch = await cluster.WatchAsync("/api/v1/pods?watch=true");
        var clock = System.Diagnostics.Stopwatch.StartNew();

        await cluster.DisposeAsync();

        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(5));
    }

    private async Task<string> VersionAsync(string path, RunningCluster? cluster = null) =>
        long.Parse((string)(await (cluster ?? _cluster).GetAsync(path)).Body["metadata"]!["resourceVersion"]!, CultureInfo.InvariantCulture)
            .ToString(CultureInfo.InvariantCulture);
}
