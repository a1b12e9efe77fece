namespace MeshOperator.LocalCluster.Protocol;

/// <summary>A resource path of the API taken apart.</summary>
internal sealed record RequestPath(string Group, string Version, string? Namespace, string Resource, string? Name, string Subresource)
{
    private static readonly HashSet<string> NamespaceSubresources = new(StringComparer.Ordinal) { "status", "finalize" };

    /// <summary>Reads /api/v1/... and /apis/group/version/...; null for anything else.</summary>
    public static RequestPath? Parse(string path)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var start = parts switch
        {
            ["api", _, _, ..] => 2,
            ["apis", _, _, _, ..] => 3,
            _ => 0,
        };
        if (start == 0)
            return null;
        var group = start == 2 ? "" : parts[1];
        var version = parts[start - 1];
        var rest = parts[start..];
        string? @namespace = null;
        if (
            rest is ["namespaces", var name, var resource, ..]
            && !(group.Length == 0 && rest.Length == 3 && NamespaceSubresources.Contains(resource))
        )
        {
            @namespace = Uri.UnescapeDataString(name);
            rest = rest[2..];
        }

        return rest switch
        {
            [var only] => new RequestPath(group, version, @namespace, only, null, ""),
            [var of, var one] => new RequestPath(group, version, @namespace, of, Uri.UnescapeDataString(one), ""),
            [var of, var one, var sub] => new RequestPath(group, version, @namespace, of, Uri.UnescapeDataString(one), sub),
            _ => null,
        };
    }
}
