using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Faults;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Protocol;
using MeshOperator.LocalCluster.Selectors;
using MeshOperator.LocalCluster.Store;
using MeshOperator.LocalCluster.Tables;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.LocalCluster.Http;

/// <summary>GET with watch=true: a stream of changes until the time is up, the client goes, or the version expires.</summary>
internal sealed class WatchHandler(ObjectStore store, FaultInjector faults, TimeProvider time, CancellationToken stopping)
{
    private static readonly TimeSpan BookmarkPeriod = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LongestWatch = TimeSpan.FromHours(1);

    public async Task WatchAsync(HttpContext http, ResourceKind kind, string? @namespace)
    {
        var query = http.Request.Query;
        var labels = LabelSelector.Parse(query["labelSelector"]);
        var fields = FieldSelector.Parse(query["fieldSelector"], kind);
        var form = AcceptedForm.FromRequest(http.Request).Form;
        var collection = store.Collection(kind);
        var version = (string?)query["resourceVersion"] ?? "";
        var sendInitial = bool.TryParse(query["sendInitialEvents"], out var send) && send;
        if (version is { Length: > 0 } && !long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            throw ApiError.BadRequest(
                $"resourceVersion: Invalid value: \"{version}\": strconv.ParseUint: parsing \"{version}\": invalid syntax"
            );

        var (snapshot, revision) = store.Snapshot(kind);
        var stream = new WatchStream(http, kind, form, Answer.Include(http), time);
        bool Selects(StoredObject? o) =>
            o is not null && (@namespace is null || o.Namespace == @namespace) && labels.Matches(o.Labels) && fields.Matches(o);
        var replay = sendInitial || version is "" or "0";
        var from = replay ? revision : long.Parse(version, CultureInfo.InvariantCulture);
        if (!collection.Log.TryPosition(from, out var position))
        {
            await ExpiredAsync(stream, version, revision);
            return;
        }

        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, stopping);
        using var limit = new CancellationTokenSource(Duration(query["timeoutSeconds"]), time);
        using var open = faults.Opened(RequestAttributes.FromRequest(http.Request));
        using var both = CancellationTokenSource.CreateLinkedTokenSource(end.Token, limit.Token, open.Struck);
        try
        {
            await stream.StartAsync();
            if (replay && ((string?)query["sendInitialEvents"] is not { } asked || asked != "false"))
            {
                foreach (var stored in snapshot.In(@namespace))
                    if (Selects(stored))
                        stream.Event("ADDED", stored);
                if (sendInitial)
                    stream.Bookmark(revision, initialEventsEnd: true);
            }

            await stream.FlushAsync(both.Token);
            var bookmarks = bool.TryParse(query["allowWatchBookmarks"], out var allow) && allow;
            await FollowAsync(stream, open, collection.Log, position, Selects, bookmarks, from, both.Token);
        }
        catch (OperationCanceledException)
        {
            // The client went, the time is up, or the server stops: the stream simply ends, unless a fault was ordered.
            await StopAsync(http, stream, open.By, version, end.Token);
        }
    }

    private async Task StopAsync(HttpContext http, WatchStream stream, FaultKind? by, string version, CancellationToken end)
    {
        switch (by)
        {
            case FaultKind.ResetWatch:
                http.Abort();
                break;
            case FaultKind.ExpireWatch:
                await ExpiredAsync(stream, version, store.Revision);
                break;
            case FaultKind.SilenceWatch:
                await Task.Delay(Timeout.InfiniteTimeSpan, time, end).ContinueWith(_ => { }, TaskScheduler.Default);
                break;
        }
    }

    private async Task FollowAsync(
        WatchStream stream,
        OpenWatch open,
        EventLog log,
        long position,
        Func<StoredObject?, bool> selects,
        bool bookmarks,
        long from,
        CancellationToken cancellation
    )
    {
        var batch = new List<WatchEvent>();
        var sent = from;
        var nextBookmark = time.GetUtcNow() + BookmarkPeriod;
        while (true)
        {
            batch.Clear();
            var current = store.Revision;
            if (!log.TryRead(ref position, batch, out var changed))
            {
                await ExpiredAsync(stream, sent.ToString(CultureInfo.InvariantCulture), store.Revision);
                return;
            }

            foreach (var change in batch)
            {
                sent = change.Revision;
                var was = change.Type != WatchEventType.Added && selects(change.Previous);
                var now = change.Type != WatchEventType.Deleted && selects(change.Object);
                if (!now && !was)
                    continue;
                var fault = faults.OnEvent(open.Request)?.Kind;
                if (fault is { } stop && FaultInjector.StopsWatch(stop))
                {
                    await stream.FlushAsync(cancellation);
                    open.Strike(stop);
                    cancellation.ThrowIfCancellationRequested();
                }

                for (var times = fault == FaultKind.DuplicateEvent ? 2 : 1; times > 0; times--)
                {
                    if (now)
                        stream.Event(was ? "MODIFIED" : "ADDED", change.Object);
                    else
                        stream.Event("DELETED", change.Type == WatchEventType.Deleted ? change.Object : change.Previous!, change.Revision);
                }

                if (fault == FaultKind.OutdatedEvent && was)
                    stream.Event("MODIFIED", change.Previous!);
            }

            if (batch.Count > 0)
                await stream.FlushAsync(cancellation);
            if (changed.IsCompleted)
                continue;
            if (!bookmarks)
            {
                await changed.WaitAsync(cancellation);
                continue;
            }

            // Nothing of this collection is newer than `current` unless the log has changed since, so a bookmark may say so.
            var wait = nextBookmark - time.GetUtcNow();
            try
            {
                await changed.WaitAsync(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, time, cancellation);
            }
            catch (TimeoutException)
            {
                nextBookmark = time.GetUtcNow() + BookmarkPeriod;
                stream.Bookmark(Math.Max(sent, current), initialEventsEnd: false);
                await stream.FlushAsync(cancellation);
            }
        }
    }

    private static async Task ExpiredAsync(WatchStream stream, string version, long revision)
    {
        await stream.StartAsync();
        stream.Error(ApiError.Expired($"too old resource version: {version} ({revision})"));
        await stream.FlushAsync(CancellationToken.None);
    }

    private static TimeSpan Duration(string? timeoutSeconds)
    {
        if (double.TryParse(timeoutSeconds, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds > 0)
            return TimeSpan.FromSeconds(Math.Min(seconds, LongestWatch.TotalSeconds));
        return TimeSpan.FromSeconds(1800 + RandomNumberGenerator.GetInt32(1800));
    }
}

/// <summary>Encodes the events of one watch.</summary>
internal sealed class WatchStream(HttpContext http, ResourceKind kind, ObjectForm form, IncludeObject include, TimeProvider time)
{
    private bool _columnsSent;

    public async Task StartAsync()
    {
        if (http.Response.HasStarted)
            return;
        http.Response.ContentType = "application/json";
        http.Response.Headers.CacheControl = "no-cache, private";
        await http.Response.StartAsync(http.RequestAborted);
    }

    public Task FlushAsync(CancellationToken cancellation) => http.Response.BodyWriter.FlushAsync(cancellation).AsTask();

    public void Event(string type, StoredObject stored, long revision = 0)
    {
        if (form == ObjectForm.Full && kind.FromStored is null && (revision == 0 || revision == stored.Revision))
        {
            Write(type, stored.Json);
            return;
        }

        var content = stored.Parse(kind);
        if (revision > 0)
            content.Meta()["resourceVersion"] = revision.ToString(CultureInfo.InvariantCulture);
        Write(type, JsonText.Encode(Shown(content)));
    }

    public void Bookmark(long revision, bool initialEventsEnd)
    {
        var metadata = new JsonObject
        {
            ["resourceVersion"] = revision.ToString(CultureInfo.InvariantCulture),
            ["creationTimestamp"] = null,
        };
        if (initialEventsEnd)
            metadata["annotations"] = new JsonObject { ["k8s.io/initial-events-end"] = "true" };
        var content = new JsonObject
        {
            ["kind"] = kind.Kind,
            ["apiVersion"] = kind.ApiVersion,
            ["metadata"] = metadata,
        };
        if (form == ObjectForm.Table)
        {
            var table = new TableRendering(kind, IncludeObject.Metadata, time).Table(
                [content],
                new JsonObject { ["resourceVersion"] = metadata["resourceVersion"]!.DeepClone() },
                false
            );
            Write("BOOKMARK", JsonText.Encode(table));
            return;
        }

        Write("BOOKMARK", JsonText.Encode(form == ObjectForm.PartialMetadata ? TableRendering.Metadata(content) : content));
    }

    public void Error(ApiException error) => Write("ERROR", JsonText.Encode(error.Status));

    private JsonObject Shown(JsonObject content)
    {
        switch (form)
        {
            case ObjectForm.Table:
                var columns = !_columnsSent;
                _columnsSent = true;
                return new TableRendering(kind, include, time).Table([content], Answer.ListMeta(content), columns);
            case ObjectForm.PartialMetadata:
                return TableRendering.Metadata(content);
            default:
                return content;
        }
    }

    private void Write(string type, ReadOnlySpan<byte> json)
    {
        var body = http.Response.BodyWriter;
        body.Write("{\"type\":\""u8);
        body.Write(System.Text.Encoding.ASCII.GetBytes(type));
        body.Write("\",\"object\":"u8);
        body.Write(json);
        body.Write("}\n"u8);
    }
}
