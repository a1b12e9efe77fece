using System.Diagnostics;
using System.Globalization;

namespace MeshOperator.EndToEnd.Node;

/// <summary>The network of the node: a namespace that routes between those of the pods, each of which has one address and one link to it.
/// All traffic between pods passes it, so that it can translate the addresses of services as kube-proxy does. Nothing of it is in the root
/// namespace.</summary>
internal sealed class NodeNetwork : IAsyncDisposable
{
    /// <summary>The node's own address in the network of its pods.</summary>
    public const string HostAddress = "10.77.0.1";

    /// <summary>The next hop of IPv6 in each pod: the address of the node's end of the link, where neighbors are asked for.</summary>
    private const string Gateway = "fe80::1";

    private const string Prefix = "meshe2e-";
    private readonly string _run = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
    private int _pods;

    private NodeNetwork(NetworkNamespace node) => Namespace = node;

    /// <summary>Where the kubelet's probes come from.</summary>
    public NetworkNamespace Namespace { get; }

    public static async Task<NodeNetwork> CreateAsync()
    {
        await RemoveLeftoversAsync();
        var node = await NetworkNamespace.CreateAsync($"{Prefix}{Environment.ProcessId}-node");
        await Command.FeedAsync(
            $"""
            link set lo up
            addr add {HostAddress}/32 dev lo

            """,
            "ip",
            "-n",
            node.Name,
            "-batch",
            "-"
        );
        await Command.RunAsync("ip", "netns", "exec", node.Name, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1");
        return new NodeNetwork(node);
    }

    /// <summary>A new pod's network: its namespace and its address.</summary>
    /// <param name="isDualStack">Whether it has an address of IPv6 as well.</param>
    public async Task<PodNetwork> AttachAsync(bool isDualStack = false)
    {
        var number = Interlocked.Increment(ref _pods);
        var address = string.Create(CultureInfo.InvariantCulture, $"10.77.{1 + (number / 250)}.{1 + (number % 250)}");
        var link = string.Create(CultureInfo.InvariantCulture, $"pod{number}");
        var pod = await NetworkNamespace.CreateAsync($"{Prefix}{_run}-{number}");
        await ConfigureAsync(
            Namespace,
            $"""
            link add {link} type veth peer name eth0 netns {pod.Name}
            link set {link} up
            route add {address}/32 dev {link}

            """
        );
        await ConfigureAsync(
            pod,
            $"""
            link set lo up
            link set eth0 up
            addr add {address}/32 dev eth0
            route add {HostAddress} dev eth0 scope link
            route add default via {HostAddress}

            """
        );
        var network = new PodNetwork(Namespace, pod, link, System.Net.IPAddress.Parse(address));
        return isDualStack ? network with { OtherAddress = await AddIpv6Async(pod, link, number) } : network;
    }

    /// <summary>Runs commands of <c>ip</c> in a namespace, one a line.</summary>
    private static Task ConfigureAsync(NetworkNamespace where, string commands) =>
        Command.FeedAsync(commands, "ip", "-n", where.Name, "-batch", "-");

    private async Task<System.Net.IPAddress> AddIpv6Async(NetworkNamespace pod, string link, int number)
    {
        var address = string.Create(CultureInfo.InvariantCulture, $"fd77::{number:x}");
        await Command.RunAsync("ip", "netns", "exec", Namespace.Name, "sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1");
        await ConfigureAsync(
            Namespace,
            $"""
            addr add {Gateway}/64 dev {link} nodad
            route add {address}/128 dev {link}

            """
        );
        await ConfigureAsync(
            pod,
            $"""
            addr add {address}/128 dev eth0 nodad
            route add ::/0 via {Gateway} dev eth0

            """
        );
        return System.Net.IPAddress.Parse(address);
    }

    public async ValueTask DisposeAsync() => await Namespace.DeleteAsync();

    /// <summary>What a run that was killed has left.</summary>
    private static async Task RemoveLeftoversAsync()
    {
        if (!Directory.Exists("/run/netns"))
            return;
        foreach (
            var name in Directory
                .EnumerateFiles("/run/netns")
                .Select(Path.GetFileName)
                .Where(n => n!.StartsWith(Prefix, StringComparison.Ordinal))
        )
        {
            var run = name!.Split('-')[1];
            if (run != Environment.ProcessId.ToString(CultureInfo.InvariantCulture) && Directory.Exists($"/proc/{run}"))
                continue;
            foreach (var pid in (await Command.RunAsync("ip", "netns", "pids", name)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                using var process = Process.GetProcessById(int.Parse(pid, CultureInfo.InvariantCulture));
                process.Kill();
            }

            await Command.TryAsync("ip", "netns", "delete", name);
        }
    }
}

/// <summary>The network of one pod.</summary>
/// <param name="Node">The node's namespace.</param>
/// <param name="Namespace">The pod's own.</param>
/// <param name="Link">The node's end of its link.</param>
/// <param name="Address">The pod's address.</param>
internal sealed record PodNetwork(NetworkNamespace Node, NetworkNamespace Namespace, string Link, System.Net.IPAddress Address)
    : IAsyncDisposable
{
    /// <summary>The pod's address of IPv6, or null.</summary>
    public System.Net.IPAddress? OtherAddress { get; init; }

    /// <summary>Takes the link away at once, as sockets of the pod's clients can keep its namespace for a while.</summary>
    public async ValueTask DisposeAsync()
    {
        await Command.TryAsync("ip", "-n", Node.Name, "link", "delete", Link);
        await Namespace.DeleteAsync();
    }

    /// <summary>Lets the link go dead without a word, as when a machine loses its network.</summary>
    public Task CutAsync() => Command.RunAsync("ip", "-n", Node.Name, "link", "set", Link, "down");
}
