using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using k8s.Models;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Revocations;

/// <summary>The revisions of ports as they are written down: an annotation of a Lease in the operator's namespace,
/// <c>{"shop/db-0": {"5432": 1, "8080/http": 2}}</c>.</summary>
internal static class RevocationRecord
{
    /// <summary>The Lease's name.</summary>
    public const string LeaseName = "mesh-operator-revocations";

    /// <summary>The annotation.</summary>
    public const string Annotation = "meshoperator.io/revocations";

    private const string Http = "/http";

    /// <summary>How long the annotation may become: what the API server takes is 256 KiB for all of an object.</summary>
    public const int LongestText = 250_000;

    /// <summary>The revisions in a Lease, taking over those of <paramref name="before"/> that are the same; none when it is another Lease
    /// or somebody has changed it so that it cannot be read.</summary>
    public static ImmutableDictionary<ObjectName, ValueList<PortRevision>> Read(
        V1Lease? lease,
        ImmutableDictionary<ObjectName, ValueList<PortRevision>> before
    )
    {
        if (lease?.Metadata.Annotations is not { } annotations || !annotations.TryGetValue(Annotation, out var text))
            return ImmutableDictionary<ObjectName, ValueList<PortRevision>>.Empty;
        try
        {
            var builder = ImmutableDictionary.CreateBuilder<ObjectName, ValueList<PortRevision>>();
            foreach (var (pod, ports) in JsonSerializer.Deserialize(text, RevisionsJson.Default.Revisions) ?? [])
            {
                if (pod.Split('/') is not [var ns, var name])
                    continue;
                var revisions = ports.Select(p => Port(p.Key, p.Value)).OrderBy(p => (p.Port, p.IsHttp)).ToValueList();
                var key = new ObjectName(ns, name);
                builder[key] = before.TryGetValue(key, out var known) && known.Equals(revisions) ? known : revisions;
            }

            return builder.ToImmutable();
        }
        catch (Exception e) when (e is JsonException or FormatException or OverflowException)
        {
            return before;
        }
    }

    /// <summary>The annotation of <paramref name="revisions"/>.</summary>
    public static string Write(IReadOnlyDictionary<ObjectName, ValueList<PortRevision>> revisions) =>
        JsonSerializer.Serialize(
            revisions
                .OrderBy(entry => entry.Key)
                .ToDictionary(
                    entry => entry.Key.ToString(),
                    entry =>
                        entry.Value.ToDictionary(
                            p => p.Port.ToString(CultureInfo.InvariantCulture) + (p.IsHttp ? Http : string.Empty),
                            p => p.Revision
                        )
                ),
            RevisionsJson.Default.Revisions
        );

    private static PortRevision Port(string key, int revision)
    {
        var isHttp = key.EndsWith(Http, StringComparison.Ordinal);
        return new PortRevision(int.Parse(isHttp ? key[..^Http.Length] : key, CultureInfo.InvariantCulture), isHttp, revision);
    }
}

/// <summary>By pod, and by port.</summary>
[JsonSerializable(typeof(Dictionary<string, Dictionary<string, int>>), TypeInfoPropertyName = "Revisions")]
internal sealed partial class RevisionsJson : JsonSerializerContext;
