using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace MeshOperator.Proxy.Bootstrap;

/// <summary>Reads values of a bootstrap by their paths.</summary>
internal static class JsonReading
{
    /// <summary>The node at a path such as <c>admin/address</c>; numbers are places in arrays. Null when there is none.</summary>
    public static JsonNode? At(this JsonNode? node, string path)
    {
        foreach (var part in path.Split('/'))
        {
            node = node switch
            {
                JsonObject map => map[part],
                JsonArray array when int.TryParse(part, CultureInfo.InvariantCulture, out var index) && index < array.Count => array[index],
                _ => null,
            };
        }

        return node;
    }

    /// <summary>The text at a path, or null.</summary>
    public static string? Text(this JsonNode? node, string path) => node.At(path) is JsonValue value ? value.ToString() : null;

    /// <summary>The text at a path of the bootstrap, which must be there.</summary>
    public static string Required(this JsonNode? node, string path) =>
        node.Text(path)
        ?? throw new ProxyBootstrapException($"bootstrap: {path.Replace('/', '.')} is missing; write it as the injector does");

    /// <summary>The objects of an array at a path.</summary>
    public static IEnumerable<JsonObject> Objects(this JsonNode? node, string path) =>
        node.At(path) is JsonArray array ? array.OfType<JsonObject>() : [];

    /// <summary>A duration such as <c>0.5s</c> at a path, or null.</summary>
    public static TimeSpan? Duration(this JsonNode? node, string path) =>
        node.Text(path) is { } text && double.TryParse(text.TrimEnd('s'), CultureInfo.InvariantCulture, out var seconds)
            ? TimeSpan.FromSeconds(seconds)
            : null;

    /// <summary>The address of a <c>socket_address</c> at a path.</summary>
    public static IPEndPoint Address(this JsonNode? node, string path)
    {
        var address = node.Required($"{path}/socket_address/address");
        var port = node.Required($"{path}/socket_address/port_value");
        return IPAddress.TryParse(address, out var ip) && ushort.TryParse(port, CultureInfo.InvariantCulture, out var number)
            ? new IPEndPoint(ip, number)
            : throw new ProxyBootstrapException(
                $"bootstrap: {path.Replace('/', '.')} has the address {address}:{port}; write an IP address and a port"
            );
    }
}
