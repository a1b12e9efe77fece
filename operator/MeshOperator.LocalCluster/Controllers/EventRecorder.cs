using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Schemas;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Writes core/v1 events; the same event again only counts up.</summary>
internal sealed class EventRecorder(ObjectWriter writer, KindRegistry kinds, TimeProvider time)
{
    private const int Remembered = 4096;
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);

    public async Task RecordAsync(JsonObject about, string type, string reason, string message, string source)
    {
        var kind = kinds.Builtin("", "events");
        var @namespace = about.Namespace() is { Length: > 0 } own ? own : "default";
        var key = string.Join('|', about.Uid(), type, reason, message);
        var request = Cluster.As(source);
        var now = Rfc3339.Seconds(time.GetUtcNow());
        string? name;
        lock (_names)
            _names.TryGetValue(key, out name);
        try
        {
            if (name is not null)
            {
                await writer.UpdateAsync(kind, @namespace, name, "", Again, request);
                return;
            }
        }
        catch (ApiException e) when (e.Code == 404)
        {
            // It was deleted: write a new one.
        }

        name = $"{about.Name()}.{RandomNumberGenerator.GetHexString(16, lowercase: true)}";
        lock (_names)
        {
            if (_names.Count >= Remembered)
                _names.Clear();
            _names[key] = name;
        }

        await writer.CreateAsync(kind, @namespace, Event(about, name, @namespace, type, reason, message, source, now), request);

        JsonObject Again(JsonObject current)
        {
            current["count"] = (current.Integer("count") ?? 1) + 1;
            current["lastTimestamp"] = now;
            return current;
        }
    }

    private static JsonObject Event(
        JsonObject about,
        string name,
        string @namespace,
        string type,
        string reason,
        string message,
        string source,
        string now
    ) =>
        new()
        {
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = @namespace },
            ["involvedObject"] = new JsonObject
            {
                ["apiVersion"] = about.Text("apiVersion"),
                ["kind"] = about.Text("kind"),
                ["name"] = about.Name(),
                ["namespace"] = about.Namespace(),
                ["uid"] = about.Uid(),
                ["resourceVersion"] = about.Object("metadata").Text("resourceVersion") ?? "",
            },
            ["type"] = type,
            ["reason"] = reason,
            ["message"] = message.Length > 1024 ? message[..1024] : message,
            ["source"] = new JsonObject { ["component"] = source },
            ["reportingComponent"] = source,
            ["reportingInstance"] = "",
            ["firstTimestamp"] = now,
            ["lastTimestamp"] = now,
            ["count"] = 1L,
        };
}
