using System.Text.Json.Nodes;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Local;

/// <summary>Finds and reads the manifests that a user names.</summary>
internal static class ManifestFiles
{
    private static readonly string[] Endings = [".yaml", ".yml", ".json"];

    /// <summary>The objects of a file, or of a folder's files in order of their names, in an order in which they can be created.</summary>
    /// <exception cref="ManifestException">There is no such file, or one cannot be read; the message names it.</exception>
    public static IReadOnlyList<ManifestObject> Read(IEnumerable<string> paths) =>
        [
            .. paths
                .SelectMany(ReadPath)
                .Select((m, i) => (m, i))
                .OrderBy(x => Rank((string)x.m.Object["kind"]!))
                .ThenBy(x => x.i)
                .Select(x => x.m),
        ];

    private static IEnumerable<ManifestObject> ReadPath(string path)
    {
        if (File.Exists(path))
            return ReadFile(path);
        if (!Directory.Exists(path))
            throw new ManifestException($"{path}: the file or folder does not exist");
        var files = Directory
            .EnumerateFiles(path)
            .Where(f => Endings.Contains(Path.GetExtension(f)))
            .Order(StringComparer.Ordinal)
            .ToArray();
        return files.Length > 0
            ? files.SelectMany(ReadFile)
            : throw new ManifestException($"{path}: the folder has no .yaml, .yml or .json file");
    }

    private static IEnumerable<ManifestObject> ReadFile(string file)
    {
        try
        {
            return [.. ManifestReader.Read(File.ReadAllText(file)).Select(o => new ManifestObject(file, o))];
        }
        catch (Exception e) when (e is ManifestException or IOException or UnauthorizedAccessException)
        {
            throw new ManifestException($"{file}: {e.Message}", e);
        }
    }

    /// <summary>What others need goes first, and policies before the pods that they are for.</summary>
    private static int Rank(string kind) =>
        kind switch
        {
            "Namespace" => 0,
            "CustomResourceDefinition" => 1,
            "ServiceAccount" or "ConfigMap" or "Secret" => 2,
            "Service" => 3,
            "Deployment" or "StatefulSet" or "DaemonSet" or "ReplicaSet" or "Job" or "CronJob" or "Pod" => 5,
            _ => 4,
        };
}

/// <summary>An object and the file that it is from.</summary>
internal sealed record ManifestObject(string File, JsonObject Object)
{
    /// <summary>For example <c>TrafficSplit serving/model</c>.</summary>
    public string Name =>
        $"{(string?)Object["kind"]} "
        + $"{((string?)Object["metadata"]?["namespace"] is { } ns ? ns + "/" : string.Empty)}{(string?)Object["metadata"]?["name"]}";
}
