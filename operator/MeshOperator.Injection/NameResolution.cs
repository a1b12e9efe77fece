using k8s.Models;

namespace MeshOperator.Injection;

/// <summary>Whether a pod finds the operator by its name, which it looks up as the cluster's DNS has it.</summary>
internal static class NameResolution
{
    /// <summary>What keeps the pod's proxy from the operator: without it, it never gets ready.</summary>
    /// <param name="pod">The pod.</param>
    /// <param name="discovery">Where proxies find the operator, <c>host:port</c>.</param>
    public static IEnumerable<string> Warnings(V1PodSpec pod, string discovery)
    {
        var host = discovery[..discovery.LastIndexOf(':')];
        var alias = (pod.HostAliases ?? []).FirstOrDefault(alias => alias.Hostnames?.Contains(host) == true);
        if (pod.DnsPolicy is "Default")
        {
            if (alias is null)
                yield return $"spec.dnsPolicy: with Default the sidecar asks the node's DNS, which does not know {host}, and never gets "
                    + "ready; use ClusterFirst, or None with the cluster's DNS and its search domains in spec.dnsConfig";
        }
        else if (pod.DnsPolicy is "None" && alias is null && !IsComplete(host) && pod.DnsConfig?.Searches is not { Count: > 0 })
        {
            yield return $"spec.dnsConfig.searches: without the cluster's domain the sidecar does not find {host}, and never gets ready; "
                + "add for example cluster.local, and the cluster's DNS to spec.dnsConfig.nameservers";
        }

        if (alias is not null)
            yield return $"spec.hostAliases: {host} is {alias.Ip} for this pod, whatever address the Service has; remove the alias unless "
                + "the operator is reached there";
    }

    /// <summary>Whether a name needs no search domain: it ends with a dot, or with a domain behind <c>.svc</c>.</summary>
    private static bool IsComplete(string host) => !host.EndsWith(".svc", StringComparison.Ordinal);
}
