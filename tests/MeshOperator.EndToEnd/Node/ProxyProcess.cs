using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection;
using MeshOperator.Local.Node;

namespace MeshOperator.EndToEnd.Node;

/// <summary>The injected container of the proxy, run as the pod says: its arguments, environment, mounts and user, with the real Envoy.
/// Only the number of threads is added.</summary>
internal sealed partial class ProxyProcess : IAsyncDisposable
{
    /// <summary>Hides the machine's <c>/run</c>, mounts what the container mounts there, and becomes the proxy: without rights, and killed
    /// with whoever started it. Arguments: the program, the user, the group, the number of mounts, source, target and
    /// option of each, the proxy's own.</summary>
    private const string Script = """
        envoy=$1 user=$2 group=$3 hosts=$4 resolv=$5 mounts=$6
        shift 6
        mount --bind "$hosts" /etc/hosts
        mount --bind "$resolv" /etc/resolv.conf
        mkdir -p /tmp
        mount -t tmpfs -o mode=755 tmpfs /mnt
        touch /mnt/envoy
        mount --bind "$envoy" /mnt/envoy
        mkdir /mnt/run
        while [ "$mounts" -gt 0 ]; do
            mkdir -p "/mnt/run/${2#/var/run/}"
            mount --bind -o "$3" "$1" "/mnt/run/${2#/var/run/}"
            shift 3
            mounts=$((mounts - 1))
        done
        mount --rbind /mnt/run /run
        exec setpriv --pdeathsig KILL --reuid "$user" --regid "$group" --clear-groups --no-new-privs \
            --bounding-set=-all --inh-caps=-all /mnt/envoy "$@"
        """;

    private readonly List<ChildProcess> _runs = [];
    private readonly V1Pod _pod;
    private readonly V1Container _container;
    private readonly PodNetwork _network;
    private readonly PodVolumes _volumes;
    private readonly string _hosts;

    public ProxyProcess(V1Pod pod, V1Container container, PodNetwork network, PodVolumes volumes, string hosts) =>
        (_pod, _container, _network, _volumes, _hosts) = (pod, container, network, volumes, hosts);

    public V1Container Container => _container;

    /// <summary>The process that runs now, or ran last.</summary>
    public ChildProcess Current => _runs[^1];

    public int Restarts => _runs.Count - 1;

    /// <summary>All that it logged, runs before this one among it.</summary>
    public IReadOnlyList<string> Log => [.. _runs.SelectMany(r => r.Lines)];

    public async Task StartAsync()
    {
        var hosts = Path.Combine(_volumes.Folder, "hosts");
        var resolv = Path.Combine(_volumes.Folder, "resolv.conf");
        await File.WriteAllTextAsync(hosts, $"127.0.0.1 localhost\n{_network.Address} {_pod.Metadata.Name}\n{_hosts}");
        await File.WriteAllTextAsync(resolv, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
        var environment = Environment();
        var mounts = (_container.VolumeMounts ?? []).Where(m => m.MountPath.StartsWith("/var/run/", StringComparison.Ordinal)).ToList();
        string[] arguments =
        [
            Requirements.Envoy!,
            Text(_container.SecurityContext?.RunAsUser ?? 0),
            Text(_container.SecurityContext?.RunAsGroup ?? 0),
            hosts,
            resolv,
            Text(mounts.Count),
            .. mounts.SelectMany(m => new[] { _volumes.FindPath(m.Name), m.MountPath, m.ReadOnlyProperty == true ? "ro" : "rw" }),
            .. (_container.Command ?? []).Skip(1),
            .. (_container.Args ?? []).Select(a => Expand(a, environment)),
        ];
        _runs.Add(await ChildProcess.StartAsync(_network.Namespace, Script, arguments, environment));
    }

    /// <summary>Asks the admin interface: all of it, at its socket file. Sidecars of earlier versions have it on the pod's
    /// loopback.</summary>
    public Task<string> AdminAsync(string path)
    {
        var volume = _container.VolumeMounts.FirstOrDefault(m => m.MountPath == ProxyBootstrap.AdminFolder)?.Name;
        return volume is null
            ? AdminAsync(_network.Namespace, path)
            : AskAsync(
                cancellation => ConnectAsync(Path.Combine(_volumes.FindPath(volume), ProxyBootstrap.AdminSocket), cancellation),
                path
            );
    }

    /// <summary>Asks what listens on port 15000 of the loopback in a network namespace.</summary>
    public static Task<string> AdminAsync(NetworkNamespace network, string path) =>
        AskAsync(cancellation => network.ConnectAsync(new IPEndPoint(IPAddress.Loopback, ProxyPort.Admin), cancellation), path);

    private static async Task<string> AskAsync(Func<CancellationToken, ValueTask<Socket>> connect, string path)
    {
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) => new NetworkStream(await connect(cancellation), ownsSocket: true),
        };
        using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(20) };
        return await client.GetStringAsync(new Uri($"http://localhost{path}"));
    }

    private static async ValueTask<Socket> ConnectAsync(string file, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(file), cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var run in _runs)
            await run.DisposeAsync();
    }

    private Dictionary<string, string> Environment()
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var variable in _container.Env ?? [])
        {
            environment[variable.Name] = variable.ValueFrom?.FieldRef?.FieldPath switch
            {
                null => Expand(variable.Value ?? string.Empty, environment),
                "metadata.name" => _pod.Metadata.Name,
                "metadata.namespace" => _pod.Metadata.NamespaceProperty,
                "metadata.uid" => _pod.Metadata.Uid,
                "status.podIP" => _network.Address.ToString(),
                "spec.nodeName" => _pod.Spec.NodeName,
                "spec.serviceAccountName" => _pod.Spec.ServiceAccountName,
                var other => throw new NotSupportedException($"the stand-in for the kubelet does not know the field {other}"),
            };
        }

        return environment;
    }

    /// <summary>What a kubelet makes of references to variables; an unknown one stays as it is.</summary>
    private static string Expand(string text, Dictionary<string, string> environment) =>
        Reference()
            .Replace(
                text,
                match =>
                    match.Value.StartsWith("$$", StringComparison.Ordinal)
                        ? match.Value[1..]
                        : environment.GetValueOrDefault(match.Groups[1].Value, match.Value)
            );

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\$?\$\(([A-Za-z_][A-Za-z0-9_]*)\)")]
    private static partial Regex Reference();
}
