using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using k8s.Models;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Rollout;

namespace MeshOperator.Modes;

/// <summary>The steps of changes of mutual TLS mode as they are written down: an annotation of a Lease in the operator's namespace, by
/// namespace and, behind a slash, by pods that are somewhere else: <c>{"shop": "", "shop/db-0": "* &gt; 5432 !"}</c>. A state is the ports
/// that take no mutual TLS; between two modes it is those before, <c>&gt;</c>, those after, and <c>!</c> when callers are to
/// follow.</summary>
internal static class ModeRecordText
{
    /// <summary>The Lease's name.</summary>
    public const string LeaseName = "mesh-operator-modes";

    /// <summary>How long the text may become: what the API server takes is 256 KiB for all of an object.</summary>
    public const int LongestText = 250_000;

    /// <summary>For people who look at the Lease: <c>&gt;</c> stays what it is.</summary>
    private static readonly ModeStatesJson Json = new(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    private const string Annotation = "meshoperator.io/modes";
    private const string To = " > ";
    private const string Or = " | ";
    private const string Moving = " !";

    /// <summary>The record in a Lease; null when there is none, or somebody has changed it so that it cannot be read.</summary>
    public static ModeRecord? Read(V1Lease? lease)
    {
        if (lease?.Metadata.Annotations is not { } annotations || !annotations.TryGetValue(Annotation, out var text))
            return null;
        try
        {
            var record = ModeRecord.Empty;
            foreach (var (name, state) in JsonSerializer.Deserialize(text, Json.DictionaryStringString) ?? [])
            {
                record = name.Split('/') is [var ns, var pod]
                    ? record with
                    {
                        Workloads = record.Workloads.SetItem(new WorkloadName(ns, pod), ReadState(state)),
                    }
                    : record with
                    {
                        Namespaces = record.Namespaces.SetItem(name, ReadState(state)),
                    };
            }

            return record;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The annotations of a Lease with the record.</summary>
    public static Dictionary<string, string> Write(ModeRecord record)
    {
        var states = record.Namespaces.ToDictionary(entry => entry.Key, entry => WriteState(entry.Value));
        foreach (var (workload, state) in record.Workloads)
            states[$"{workload.Namespace}/{workload.Pod}"] = WriteState(state);
        return new Dictionary<string, string> { [Annotation] = JsonSerializer.Serialize(states, Json.DictionaryStringString) };
    }

    private static string WriteState(ModeState state) =>
        state.IsSettled ? state.Target : string.Join(Or, state.Before) + To + state.Target + (state.ClientsMove ? Moving : string.Empty);

    private static ModeState ReadState(string text)
    {
        if (text.Split(To) is not [var before, var after])
            return ModeState.Settled(text);
        var clientsMove = after.EndsWith(Moving, StringComparison.Ordinal);
        return new ModeState(before.Split(Or).ToValueList(), clientsMove ? after[..^Moving.Length] : after, clientsMove);
    }
}

[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class ModeStatesJson : JsonSerializerContext;
