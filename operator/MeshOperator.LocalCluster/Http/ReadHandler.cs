using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Protocol;
using MeshOperator.LocalCluster.Selectors;
using MeshOperator.LocalCluster.Store;
using MeshOperator.LocalCluster.Tables;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.LocalCluster.Http;

/// <summary>GET of one object and of lists.</summary>
internal sealed class ReadHandler(ObjectStore store, TimeProvider time)
{
    private const int SnapshotsKept = 64;
    private readonly ConcurrentQueue<(string Key, CollectionSnapshot Snapshot)> _snapshots = new();

    public Task GetAsync(HttpContext http, ResourceKind kind, string @namespace, string name)
    {
        var found = store.Find(kind, @namespace, name) ?? throw ApiError.NotFound(kind, name);
        var accepted = AcceptedForm.FromRequest(http.Request);
        return accepted.Form == ObjectForm.Full && kind.FromStored is null
            ? Answer.BytesAsync(http, found.Json)
            : Answer.ObjectAsync(http, kind, found.Parse(kind), time);
    }

    public async Task ListAsync(HttpContext http, ResourceKind kind, string? @namespace)
    {
        var query = http.Request.Query;
        var labels = LabelSelector.Parse(query["labelSelector"]);
        var fields = FieldSelector.Parse(query["fieldSelector"], kind);
        if (query["limit"] is [{ Length: > 0 } asked] && !long.TryParse(asked, out _))
            throw ApiError.BadRequest($"strconv.ParseInt: parsing \"{asked}\": invalid syntax");
        var limit =
            int.TryParse(query["limit"], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
                ? number
                : int.MaxValue;
        var (snapshot, revision, after) = Page(kind, query["continue"], query["resourceVersion"], query["resourceVersionMatch"]);
        var all = snapshot.In(@namespace).Where(o => labels.Matches(o.Labels) && fields.Matches(o));
        if (after is { } last)
            all = all.SkipWhile(o => Compare(o, last) <= 0);
        var items = limit == int.MaxValue ? all.ToList() : all.Take(limit + 1).ToList();
        var meta = new JsonObject { ["resourceVersion"] = revision.ToString(CultureInfo.InvariantCulture) };
        if (items.Count > limit)
        {
            items.RemoveAt(limit);
            meta["continue"] = Continue(kind, snapshot, revision, items[^1]);
            if (labels.IsEmpty && ReferenceEquals(fields, FieldSelector.Everything))
                meta["remainingItemCount"] = snapshot.In(@namespace).LongCount(o => Compare(o, (items[^1].Namespace, items[^1].Name)) > 0);
        }

        await WriteAsync(http, kind, items, meta);
    }

    private async Task WriteAsync(HttpContext http, ResourceKind kind, List<StoredObject> items, JsonObject meta)
    {
        switch (AcceptedForm.FromRequest(http.Request).Form)
        {
            case ObjectForm.Table:
                await Answer.JsonAsync(
                    http,
                    new TableRendering(kind, Answer.Include(http), time).Table(items.Select(i => i.Parse(kind)), meta)
                );
                return;
            case ObjectForm.PartialMetadata:
                await Answer.JsonAsync(
                    http,
                    new JsonObject
                    {
                        ["kind"] = "PartialObjectMetadataList",
                        ["apiVersion"] = "meta.k8s.io/v1",
                        ["metadata"] = meta,
                        ["items"] = new JsonArray([.. items.Select(i => (JsonNode?)TableRendering.Metadata(i.Parse(kind)))]),
                    }
                );
                return;
        }

        http.Response.ContentType = "application/json";
        var body = http.Response.BodyWriter;
        var head =
            $"{{\"kind\":\"{kind.ListKind}\",\"apiVersion\":\"{kind.ApiVersion}\",\"metadata\":{JsonText.EncodeText(meta)},\"items\":[";
        body.Write(Encoding.UTF8.GetBytes(head));
        var pending = 0;
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0)
                body.Write(","u8);
            var json = kind.FromStored is null ? items[i].Json : JsonText.Encode(items[i].Parse(kind));
            body.Write(json);
            pending += json.Length;
            if (pending <= 256 * 1024)
                continue;
            pending = 0;
            await body.FlushAsync(http.RequestAborted);
        }

        body.Write("]}"u8);
        await body.FlushAsync(http.RequestAborted);
    }

    private (CollectionSnapshot Snapshot, long Revision, (string, string)? After) Page(
        ResourceKind kind,
        string? token,
        string? version,
        string? match
    )
    {
        if (string.IsNullOrEmpty(token))
        {
            var now = store.Snapshot(kind);
            if (match is { Length: > 0 } and not ("Exact" or "NotOlderThan"))
                throw ApiError.BadRequest(
                    $"resourceVersionMatch: Unsupported value: \"{match}\": supported values: \"Exact\", \"NotOlderThan\""
                );
            if (version is { Length: > 0 } && !long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                throw ApiError.BadRequest(
                    $"resourceVersion: Invalid value: \"{version}\": strconv.ParseUint: parsing \"{version}\": invalid syntax"
                );
            if (long.TryParse(version, out var wanted) && wanted > now.Revision)
                throw new ApiException(
                    504,
                    ApiError.Status(
                        504,
                        "Timeout",
                        $"Too large resource version: {wanted}, current: {now.Revision}",
                        new JsonObject
                        {
                            ["causes"] = new JsonArray(
                                new JsonObject { ["reason"] = "ResourceVersionTooLarge", ["message"] = "Too large resource version" }
                            ),
                            ["retryAfterSeconds"] = 1,
                        }
                    )
                )
                {
                    RetryAfter = 1,
                };
            if (match == "Exact" && wanted != now.Revision)
                throw ApiError.Expired($"The resourceVersion for the provided list is too old.");
            return (now.Snapshot, now.Revision, null);
        }

        JsonObject parsed;
        try
        {
            parsed = JsonText.DecodeObject(Convert.FromBase64String(token));
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            throw ApiError.BadRequest("continue key is not valid: illegal base64 data");
        }

        var revision = parsed.Integer("rv") ?? 0;
        var key = $"{kind.StoredAs}@{revision}";
        var kept =
            _snapshots.FirstOrDefault(s => s.Key == key).Snapshot
            ?? throw ApiError.Expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list without the "
                    + "continue parameter."
            );
        return (kept, revision, (parsed.Text("ns") ?? "", parsed.Text("name") ?? ""));
    }

    private string Continue(ResourceKind kind, CollectionSnapshot snapshot, long revision, StoredObject last)
    {
        var key = $"{kind.StoredAs}@{revision}";
        if (!_snapshots.Any(s => s.Key == key))
            _snapshots.Enqueue((key, snapshot));
        while (_snapshots.Count > SnapshotsKept)
            _snapshots.TryDequeue(out _);
        return Convert.ToBase64String(
            JsonText.Encode(
                new JsonObject
                {
                    ["rv"] = revision,
                    ["ns"] = last.Namespace,
                    ["name"] = last.Name,
                }
            )
        );
    }

    private static int Compare(StoredObject stored, (string Namespace, string Name) last)
    {
        var order = string.CompareOrdinal(stored.Namespace, last.Namespace);
        return order != 0 ? order : string.CompareOrdinal(stored.Name, last.Name);
    }
}

internal static class PipeWriting
{
    public static void Write(this System.IO.Pipelines.PipeWriter writer, ReadOnlySpan<byte> bytes) =>
        System.Buffers.BuffersExtensions.Write(writer, bytes);
}
