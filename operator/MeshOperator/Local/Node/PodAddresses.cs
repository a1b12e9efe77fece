using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using MeshOperator.Api;
using MeshOperator.LocalCluster.Controllers;

namespace MeshOperator.Local.Node;

/// <summary>Gives pods addresses of their own on loopback: 127.1.x.y for the pod and its proxy, and 127.2.x.y for its
/// application.</summary>
internal sealed class PodAddresses
{
    private const int MostAttempts = 4096;
    private readonly LoopbackAddresses _addresses = new();
    private readonly ConcurrentDictionary<string, string> _byPod = new(StringComparer.Ordinal);

    /// <summary>Why pods cannot have addresses here, with what to do about it; null when they can.</summary>
    public static string? FindProblem()
    {
        if (CanListen("127.1.0.1", 0) && CanListen("127.2.0.1", 0))
            return null;
        return OperatingSystem.IsMacOS()
            ? "pods need addresses of 127.1.0.0/16 and 127.2.0.0/16, and macOS has only 127.0.0.1; run: "
                + "for i in $(seq 1 40); do sudo ifconfig lo0 alias 127.1.0.$i; sudo ifconfig lo0 alias 127.2.0.$i; done"
            : "pods need addresses of 127.1.0.0/16 and 127.2.0.0/16, and nothing can listen there; check the loopback interface";
    }

    /// <summary>The address of a pod. One at which another mesh of this machine has a proxy is passed over.</summary>
    public string Assign(string uid)
    {
        if (_byPod.TryGetValue(uid, out var known))
            return known;
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            var owner = attempt == 0 ? uid : $"{uid}/{attempt}";
            var address = _addresses.Assign(owner);
            if (CanListen(address, ProxyPort.Outbound))
                return _byPod[uid] = address;
        }

        throw new IOException($"none of {MostAttempts} pod addresses of 127.1.0.0/16 is free; stop other local meshes");
    }

    /// <summary>The address at which the application of a pod with a proxy listens.</summary>
    public static string GetApplication(string podAddress) => "127.2." + podAddress["127.1.".Length..];

    private static bool CanListen(string address, int port)
    {
        try
        {
            // With the option ReuseAddress .NET also shares the port, so that the listener of another mesh's Envoy would not be noticed.
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Parse(address), port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
