using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Protocol;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.LocalCluster.Discovery;

/// <summary>What the server serves, in the plain and in the aggregated form.</summary>
internal sealed class DiscoveryDocuments(KindRegistry kinds)
{
    private static readonly string[] AllVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

    private static readonly (string Path, string Group, string Kind, string[] Verbs)[] CoreSubresources =
    [
        ("serviceaccounts/token", "authentication.k8s.io", "TokenRequest", ["create"]),
    ];

    public async Task<bool> TryAnswerAsync(HttpContext http, string path)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var aggregated = http.Request.Headers.Accept.ToString().Contains("APIGroupDiscoveryList", StringComparison.Ordinal);
        var document = parts switch
        {
            ["api"] when aggregated => Aggregated([""]),
            ["apis"] when aggregated => Aggregated(kinds.Groups()),
            ["api"] => new JsonObject
            {
                ["kind"] = "APIVersions",
                ["versions"] = new JsonArray("v1"),
                ["serverAddressByClientCIDRs"] = new JsonArray(),
            },
            ["apis"] => new JsonObject
            {
                ["kind"] = "APIGroupList",
                ["apiVersion"] = "v1",
                ["groups"] = new JsonArray([.. kinds.Groups().Select(g => (JsonNode?)Group(g))]),
            },
            ["apis", var group] when kinds.Versions(group).Count > 0 => Typed(Group(group), "APIGroup"),
            ["api", "v1"] => Resources("", "v1"),
            ["apis", var group, var version] when kinds.Versions(group).Contains(version) => Resources(group, version),
            ["version"] => Version(),
            [] => new JsonObject
            {
                ["paths"] = new JsonArray([
                    "/api",
                    "/api/v1",
                    "/apis",
                    .. kinds.Groups().Select(g => (JsonNode?)$"/apis/{g}"),
                    "/healthz",
                    "/livez",
                    "/openapi/v2",
                    "/openapi/v3",
                    "/readyz",
                    "/version",
                ]),
            },
            _ => null,
        };
        if (document is null)
            return false;
        if (aggregated && parts is ["api"] or ["apis"])
            await Answer.BytesAsync(
                http,
                Json.JsonText.Encode(document),
                200,
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
            );
        else
            await Answer.JsonAsync(http, document);
        return true;
    }

    private static JsonObject Version() =>
        new()
        {
            ["major"] = "1",
            ["minor"] = "32",
            ["gitVersion"] = "v1.32.4+meshop-local",
            ["gitCommit"] = "",
            ["gitTreeState"] = "clean",
            ["buildDate"] = "2025-04-22T00:00:00Z",
            ["goVersion"] = "none",
            ["compiler"] = "dotnet",
            ["platform"] = "linux/amd64",
        };

    private static JsonObject Typed(JsonObject content, string kind)
    {
        content["kind"] = kind;
        content["apiVersion"] = "v1";
        return content;
    }

    private JsonObject Group(string group)
    {
        var versions = kinds.Versions(group);
        JsonObject One(string version) => new() { ["groupVersion"] = $"{group}/{version}", ["version"] = version };
        return new JsonObject
        {
            ["name"] = group,
            ["versions"] = new JsonArray([.. versions.Select(v => (JsonNode?)One(v))]),
            ["preferredVersion"] = One(versions[0]),
        };
    }

    private JsonObject Resources(string group, string version)
    {
        var resources = new JsonArray();
        foreach (var kind in kinds.All.Where(k => k.Group == group && k.Version == version))
        {
            var resource = Entry(kind.Plural, kind.Namespaced, kind.Kind, Verbs(kind));
            resource["singularName"] = kind.Singular;
            if (kind.ShortNames.Count > 0)
                resource["shortNames"] = Array(kind.ShortNames);
            if (kind.Categories.Count > 0)
                resource["categories"] = Array(kind.Categories);
            resources.Add(resource);
            foreach (var (name, subGroup, subKind, verbs) in Subresources(kind))
            {
                var entry = Entry($"{kind.Plural}/{name}", kind.Namespaced, subKind, verbs);
                if (subGroup.Length > 0)
                {
                    entry["group"] = subGroup;
                    entry["version"] = "v1";
                }

                resources.Add(entry);
            }
        }

        return new JsonObject
        {
            ["kind"] = "APIResourceList",
            ["apiVersion"] = "v1",
            ["groupVersion"] = group.Length == 0 ? version : $"{group}/{version}",
            ["resources"] = resources,
        };
    }

    private static JsonObject Entry(string name, bool namespaced, string kind, IEnumerable<string> verbs) =>
        new()
        {
            ["name"] = name,
            ["singularName"] = "",
            ["namespaced"] = namespaced,
            ["kind"] = kind,
            ["verbs"] = Array(verbs),
        };

    private static JsonArray Array(IEnumerable<string> texts) => new([.. texts.Select(t => (JsonNode?)t)]);

    private static string[] Verbs(ResourceKind kind) => kind.CreateOnly ? ["create"] : AllVerbs;

    private static IEnumerable<(string Name, string Group, string Kind, string[] Verbs)> Subresources(ResourceKind kind)
    {
        if (kind.HasStatus)
            yield return ("status", "", kind.Kind, ["get", "patch", "update"]);
        if (kind.Scale is not null)
            yield return ("scale", "autoscaling", "Scale", ["get", "patch", "update"]);
        foreach (var (path, group, sub, verbs) in CoreSubresources)
            if (kind.Group.Length == 0 && path.StartsWith(kind.Plural + "/", StringComparison.Ordinal))
                yield return (path[(kind.Plural.Length + 1)..], group, sub, verbs);
    }

    private JsonObject Aggregated(IReadOnlyList<string> groups)
    {
        var items = new JsonArray();
        foreach (var group in groups)
        {
            var versions = new JsonArray();
            foreach (var version in kinds.Versions(group))
            {
                versions.Add(
                    new JsonObject
                    {
                        ["version"] = version,
                        ["resources"] = new JsonArray([
                            .. kinds.All.Where(k => k.Group == group && k.Version == version).Select(k => (JsonNode?)Discovered(k)),
                        ]),
                        ["freshness"] = "Current",
                    }
                );
            }

            var metadata = new JsonObject { ["creationTimestamp"] = null };
            if (group.Length > 0)
                metadata["name"] = group;
            items.Add(new JsonObject { ["metadata"] = metadata, ["versions"] = versions });
        }

        return new JsonObject
        {
            ["kind"] = "APIGroupDiscoveryList",
            ["apiVersion"] = "apidiscovery.k8s.io/v2",
            ["metadata"] = new JsonObject(),
            ["items"] = items,
        };
    }

    private static JsonObject Discovered(ResourceKind kind)
    {
        var resource = new JsonObject
        {
            ["resource"] = kind.Plural,
            ["responseKind"] = new JsonObject
            {
                ["group"] = kind.Group,
                ["version"] = kind.Version,
                ["kind"] = kind.Kind,
            },
            ["scope"] = kind.Namespaced ? "Namespaced" : "Cluster",
            ["singularResource"] = kind.Singular,
            ["verbs"] = Array(Verbs(kind)),
        };
        if (kind.ShortNames.Count > 0)
            resource["shortNames"] = Array(kind.ShortNames);
        if (kind.Categories.Count > 0)
            resource["categories"] = Array(kind.Categories);
        var subresources = Subresources(kind)
            .Select(s =>
                (JsonNode?)
                    new JsonObject
                    {
                        ["subresource"] = s.Name,
                        ["responseKind"] = new JsonObject
                        {
                            ["group"] = s.Group.Length > 0 ? s.Group : kind.Group,
                            ["version"] = s.Group.Length > 0 ? "v1" : kind.Version,
                            ["kind"] = s.Kind,
                        },
                        ["verbs"] = Array(s.Verbs),
                    }
            )
            .ToArray();
        if (subresources.Length > 0)
            resource["subresources"] = new JsonArray(subresources);
        return resource;
    }
}
