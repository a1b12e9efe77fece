using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using k8s.Models;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.EndToEnd.Node;

/// <summary>Does what kube-proxy does: connections to a service's address go to one of its ready endpoints. Connections that are open stay
/// where they are when the rules change.</summary>
internal sealed class ServiceRules(NetworkNamespace node)
{
    private string _rules = string.Empty;

    public async Task SetAsync(IEnumerable<V1Service> services, IEnumerable<V1EndpointSlice> slices)
    {
        var rules = Rules(services, slices.ToLookup(s => new ObjectKey(s.Metadata.NamespaceProperty, s.GetServiceName())));
        if (rules == _rules)
            return;
        await Command.FeedAsync(rules, "nsenter", "--net=" + node.Path, "--", "nft", "-f", "-");
        _rules = rules;
    }

    private static string Rules(IEnumerable<V1Service> services, ILookup<ObjectKey, V1EndpointSlice> slices)
    {
        V1Service[] ordered =
        [
            .. services
                .OrderBy(s => s.Metadata.NamespaceProperty, StringComparer.Ordinal)
                .ThenBy(s => s.Metadata.Name, StringComparer.Ordinal),
        ];
        var rules = Table("ip", "icmp", AddressFamily.InterNetwork, ordered, slices);
        return ordered.SelectMany(Addresses).Any(address => address.AddressFamily is AddressFamily.InterNetworkV6)
            ? rules + Table("ip6", "icmpv6", AddressFamily.InterNetworkV6, ordered, slices)
            : rules;
    }

    private static string Table(
        string name,
        string icmp,
        AddressFamily family,
        IEnumerable<V1Service> services,
        ILookup<ObjectKey, V1EndpointSlice> slices
    )
    {
        var rules = new StringBuilder(
            $$"""
            table {{name}} services
            delete table {{name}} services
            table {{name}} services {
              chain prerouting {
                type nat hook prerouting priority -100; policy accept;

            """
        );
        var refused = new StringBuilder();
        foreach (var service in services)
        {
            foreach (var port in (service.Spec.Ports ?? []).Where(p => p.Protocol is null or "TCP"))
            {
                string[] endpoints =
                [
                    .. slices[ObjectKey.From(service)].SelectMany(s => Ready(s, port.Name, family)).Order(StringComparer.Ordinal),
                ];
                foreach (var address in Addresses(service).Where(address => address.AddressFamily == family))
                {
                    var match = string.Create(CultureInfo.InvariantCulture, $"    {name} daddr {address} tcp dport {port.Port} ");
                    if (endpoints.Length == 0)
                        refused.Append(match).Append("reject with ").Append(icmp).Append(" type port-unreachable\n");
                    else
                        rules.Append(match).Append("dnat to ").Append(Target(endpoints)).Append('\n');
                }
            }
        }

        rules
            .Append("  }\n  chain forward {\n    type filter hook forward priority 0; policy accept;\n")
            .Append(refused)
            .Append("  }\n}\n");
        return rules.ToString();
    }

    /// <summary>Where connections of pods belong to a service: its cluster IPs, external IPs, and addresses of its load balancer.</summary>
    private static IEnumerable<IPAddress> Addresses(V1Service service) =>
        IPAddress.TryParse(service.Spec.ClusterIP, out _)
            ?
            [
                .. (service.Spec.ClusterIPs ?? [service.Spec.ClusterIP])
                    .Concat(service.Spec.ExternalIPs ?? [])
                    .Concat((service.Status?.LoadBalancer?.Ingress ?? []).Select(ingress => ingress.Ip).OfType<string>())
                    .Select(IPAddress.Parse)
                    .Distinct(),
            ]
            : [];

    private static string Target(string[] endpoints)
    {
        if (endpoints.Length == 1)
            return endpoints[0].Contains(':', StringComparison.Ordinal)
                ? $"[{endpoints[0].Replace(" . ", "]:", StringComparison.Ordinal)}"
                : endpoints[0].Replace(" . ", ":", StringComparison.Ordinal);
        var numbered = string.Join(", ", endpoints.Select((endpoint, i) => $"{i} : {endpoint}"));
        return string.Create(CultureInfo.InvariantCulture, $"numgen random mod {endpoints.Length} map {{ {numbered} }}");
    }

    private static IEnumerable<string> Ready(V1EndpointSlice slice, string? name, AddressFamily family)
    {
        var port = (slice.Ports ?? []).FirstOrDefault(p => (p.Name ?? string.Empty) == (name ?? string.Empty))?.Port;
        return port is null || slice.AddressType == "IPv6" != (family is AddressFamily.InterNetworkV6)
            ? []
            : (slice.Endpoints ?? [])
                .Where(e => e.Conditions?.Ready != false)
                .SelectMany(e => e.Addresses)
                .Select(a => string.Create(CultureInfo.InvariantCulture, $"{a} . {port}"));
    }
}

/// <summary>What a slice says of itself.</summary>
internal static class EndpointSliceLabels
{
    public const string Service = "kubernetes.io/service-name";

    public static string GetServiceName(this V1EndpointSlice slice) =>
        slice.Metadata.Labels is { } labels && labels.TryGetValue(Service, out var name) ? name : string.Empty;
}
