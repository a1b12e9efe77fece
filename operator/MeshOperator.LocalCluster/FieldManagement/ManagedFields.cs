using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.FieldManagement;

/// <summary>Who owns which fields of an object: metadata.managedFields.</summary>
internal sealed class ManagedFields
{
    private readonly List<Entry> _entries = [];

    public IReadOnlyList<Entry> Entries => _entries;

    public static ManagedFields Read(JsonObject content)
    {
        var managed = new ManagedFields();
        foreach (var json in content.Object("metadata").Objects("managedFields"))
        {
            if (json.Count == 0)
                continue;
            managed._entries.Add(
                new Entry(
                    json.Text("manager") ?? "",
                    json.Text("operation") ?? "Update",
                    json.Text("apiVersion") ?? "",
                    json.Text("subresource") ?? "",
                    json.Text("time") ?? "",
                    FieldSet.Parse(json["fieldsV1"])
                )
            );
        }

        return managed;
    }

    public Entry? Find(string manager, string operation, string subresource) =>
        _entries.Find(e => e.Manager == manager && e.Operation == operation && e.Subresource == subresource);

    /// <summary>What everybody but one entry owns.</summary>
    public FieldSet OwnedByOthers(Entry? mine) =>
        _entries.Where(e => !ReferenceEquals(e, mine)).Aggregate(new FieldSet(), (all, entry) => all.Union(entry.Fields));

    /// <summary>Sets what an entry owns; an entry that owns nothing goes.</summary>
    public void Set(Entry entry, FieldSet fields, string time)
    {
        var at = _entries.FindIndex(e =>
            e.Manager == entry.Manager && e.Operation == entry.Operation && e.Subresource == entry.Subresource
        );
        if (fields.IsEmpty)
        {
            if (at >= 0)
                _entries.RemoveAt(at);
        }
        else if (at < 0)
        {
            _entries.Add(entry with { Fields = fields, Time = time });
        }
        else if (!_entries[at].Fields.SameAs(fields) || _entries[at].ApiVersion != entry.ApiVersion)
        {
            _entries[at] = entry with { Fields = fields, Time = time };
        }
    }

    /// <summary>Takes fields from every entry but one.</summary>
    public void TakeFromOthers(Entry? mine, FieldSet fields)
    {
        for (var i = _entries.Count - 1; i >= 0; i--)
        {
            var entry = _entries[i];
            if (
                mine is not null
                && entry.Manager == mine.Manager
                && entry.Operation == mine.Operation
                && entry.Subresource == mine.Subresource
            )
                continue;
            var left = entry.Fields.Without(fields);
            if (left.IsEmpty)
                _entries.RemoveAt(i);
            else
                _entries[i] = entry with { Fields = left };
        }
    }

    public void Write(JsonObject content)
    {
        var metadata = content.Meta();
        metadata.Remove("managedFields");
        if (_entries.Count == 0)
            return;
        var array = new JsonArray();
        foreach (var entry in _entries)
        {
            var json = new JsonObject
            {
                ["manager"] = entry.Manager,
                ["operation"] = entry.Operation,
                ["apiVersion"] = entry.ApiVersion,
            };
            if (entry.Time.Length > 0)
                json["time"] = entry.Time;
            json["fieldsType"] = "FieldsV1";
            json["fieldsV1"] = entry.Fields.ToJson();
            if (entry.Subresource.Length > 0)
                json["subresource"] = entry.Subresource;
            array.Add(json);
        }

        metadata["managedFields"] = array;
    }

    internal sealed record Entry(string Manager, string Operation, string ApiVersion, string Subresource, string Time, FieldSet Fields);
}
