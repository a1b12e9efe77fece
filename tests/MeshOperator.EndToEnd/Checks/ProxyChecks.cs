using System.Text.Json;
using MeshOperator.EndToEnd.Node;

namespace MeshOperator.EndToEnd.Checks;

/// <summary>What a proxy itself says of its configuration.</summary>
internal static class ProxyChecks
{
    /// <summary>Resources that the proxy has refused (<c>error_state</c> in its <c>/config_dump</c>), in a line each.</summary>
    public static async Task<IReadOnlyList<string>> FindAsync(RunningPod pod)
    {
        if (pod.Proxy is not { Current.HasExited: false } proxy)
            return [];
        try
        {
            return Refused(await proxy.AdminAsync("/config_dump")).Select(r => $"{pod.Name}: {r}").ToList();
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // One that is being killed, or does not listen yet, says nothing.
            return [];
        }
    }

    /// <summary>The refused resources in a configuration dump.</summary>
    public static IEnumerable<string> Refused(string dump)
    {
        using var document = JsonDocument.Parse(dump);
        return [.. Find(document.RootElement, "configuration")];
    }

    private static IEnumerable<string> Find(JsonElement element, string name)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var found in element.EnumerateArray().SelectMany(item => Find(item, name)))
                yield return found;
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            if (element.TryGetProperty("name", out var own) && own.ValueKind == JsonValueKind.String)
                name = own.GetString()!;
            if (element.TryGetProperty("error_state", out var error))
                yield return $"{name} was refused: "
                    + $"{(error.TryGetProperty("details", out var details) ? details.GetString() : error.ToString())}";
            var others = element.EnumerateObject().Where(p => p.Name != "error_state");
            foreach (var found in others.SelectMany(p => Find(p.Value, name)))
                yield return found;
        }
    }
}
