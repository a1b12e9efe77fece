using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using MeshOperator.Api;
using MeshOperator.LocalCluster.Controllers;

namespace MeshOperator.Local.Node;

/// <summary>Gives pods addresses of their own on loopback: 127.1.x.y for the pod and its proxy, and 127.2.x.y for its application. While
/// a pod has one, a listener beside its application claims it, so that other meshes of this machine pass it over.</summary>
internal sealed class PodAddresses : IDisposable
{
    /// <summary>Nothing else listens there at an application's address: the proxy's ports are reserved.</summary>
    private const int ClaimPort = ProxyPort.Outbound;

    private const int MostAttempts = 4096;
    private readonly LoopbackAddresses _addresses = new();
    private readonly ConcurrentDictionary<string, (string Address, Socket Claim)> _byPod = new(StringComparer.Ordinal);

    /// <summary>Why pods cannot have addresses here, with what to do about it; null when they can.</summary>
    public static string? FindProblem()
    {
        if (CanListen("127.1.0.1") && CanListen("127.2.0.1"))
            return null;
        return OperatingSystem.IsMacOS()
            ? "pods need addresses of 127.1.0.0/16 and 127.2.0.0/16, and macOS has only 127.0.0.1; run: "
                + "for i in $(seq 1 40); do sudo ifconfig lo0 alias 127.1.0.$i; sudo ifconfig lo0 alias 127.2.0.$i; done"
            : "pods need addresses of 127.1.0.0/16 and 127.2.0.0/16, and nothing can listen there; check the loopback interface";
    }

    /// <summary>The address of a pod. One that another mesh of this machine has claimed is passed over.</summary>
    public string Assign(string uid)
    {
        if (_byPod.TryGetValue(uid, out var known))
            return known.Address;
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            var address = _addresses.Assign($"{uid}/{attempt}");
            if (Listen(GetApplication(address), ClaimPort) is not { } claim)
                continue;
            _byPod[uid] = (address, claim);
            return address;
        }

        throw new IOException($"none of {MostAttempts} pod addresses of 127.1.0.0/16 is free; stop other local meshes");
    }

    /// <summary>Gives up the address of a pod that is gone. This mesh takes it no more.</summary>
    public void Release(string uid)
    {
        if (_byPod.TryRemove(uid, out var known))
            known.Claim.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var uid in _byPod.Keys)
            Release(uid);
    }

    /// <summary>The address at which the application of a pod with a proxy listens.</summary>
    public static string GetApplication(string podAddress) => "127.2." + podAddress["127.1.".Length..];

    private static bool CanListen(string address)
    {
        using var socket = Listen(address, 0);
        return socket is not null;
    }

    /// <summary>Null where somebody else listens. With the option ReuseAddress .NET also shares the port, so that others would not be
    /// noticed.</summary>
    private static Socket? Listen(string address, int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Parse(address), port));
            socket.Listen(1);
            return socket;
        }
        catch (SocketException)
        {
            socket.Dispose();
            return null;
        }
    }
}
