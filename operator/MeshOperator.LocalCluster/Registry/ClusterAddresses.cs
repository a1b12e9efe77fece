using System.Net;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Registry;

/// <summary>Hands out the cluster IPs and node ports of services.</summary>
internal sealed class ClusterAddresses(IPNetwork range)
{
    private const int FirstNodePort = 30000;
    private const int LastNodePort = 32767;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, string> _taken = new(StringComparer.Ordinal);
    private uint _next = 2;
    private int _nextPort = FirstNodePort;

    private uint Base => ToNumber(range.BaseAddress);

    private uint Size => 1u << (32 - range.PrefixLength);

    /// <summary>Gives a service what it lacks; disposing the reservation unkept gives it back.</summary>
    public Reservation Reserve(ResourceKind kind, JsonObject content, bool dryRun, JsonObject? old = null)
    {
        var reservation = new Reservation(this);
        if (kind is not { Group: "", Plural: "services" } || content.Object("spec") is not { } spec)
            return reservation;
        var owner = $"{content.Namespace()}/{content.Name()}";
        if (spec.Text("type") != "ExternalName")
        {
            lock (_lock)
                ClusterIp(kind, content, spec, owner, reservation);
        }

        if (spec.Text("type") is "NodePort" or "LoadBalancer")
        {
            lock (_lock)
                NodePorts(kind, content, spec, owner, reservation);
        }

        if (dryRun && old is null)
            return reservation;
        return reservation;
    }

    /// <summary>Takes back what a service had once it is gone.</summary>
    public void Release(StoredObject service)
    {
        var owner = $"{service.Namespace}/{service.Name}";
        lock (_lock)
            foreach (var key in _taken.Where(t => t.Value == owner).Select(t => t.Key).ToArray())
                _taken.Remove(key);
    }

    private void ClusterIp(ResourceKind kind, JsonObject content, JsonObject spec, string owner, Reservation reservation)
    {
        var ip = spec.Text("clusterIP") ?? spec.Texts("clusterIPs").FirstOrDefault() ?? "";
        if (ip == "None")
        {
            spec["clusterIP"] = "None";
            spec["clusterIPs"] = new JsonArray("None");
            return;
        }

        if (ip.Length == 0)
        {
            ip = Free() ?? throw ApiError.Internal("failed to allocate a serviceIP: range is full");
        }
        else if (!IPAddress.TryParse(ip, out var address) || !range.Contains(address))
        {
            throw Invalid(
                kind,
                content,
                "spec.clusterIPs",
                new JsonArray(ip),
                $"failed to allocate IP {ip}: the provided IP ({ip}) is not in the valid range. The range of valid IPs is {range}"
            );
        }
        else if (_taken.TryGetValue(ip, out var holder) && holder != owner)
        {
            throw Invalid(
                kind,
                content,
                "spec.clusterIPs",
                new JsonArray(ip),
                $"failed to allocate IP {ip}: provided IP is already allocated"
            );
        }

        if (_taken.TryAdd(ip, owner))
            reservation.Taken.Add(ip);
        spec["clusterIP"] = ip;
        spec["clusterIPs"] = new JsonArray(ip);
    }

    private void NodePorts(ResourceKind kind, JsonObject content, JsonObject spec, string owner, Reservation reservation)
    {
        var index = 0;
        foreach (var port in spec.Objects("ports"))
        {
            var number = port.Integer("nodePort") ?? 0;
            if (number == 0)
            {
                for (var tries = 0; tries <= LastNodePort - FirstNodePort; tries++)
                {
                    number = _nextPort;
                    _nextPort = _nextPort == LastNodePort ? FirstNodePort : _nextPort + 1;
                    if (!_taken.ContainsKey($":{number}"))
                        break;
                }

                port["nodePort"] = number;
            }
            else if (_taken.TryGetValue($":{number}", out var holder) && holder != owner)
            {
                throw Invalid(kind, content, $"spec.ports[{index}].nodePort", number, "provided port is already allocated");
            }

            if (_taken.TryAdd($":{number}", owner))
                reservation.Taken.Add($":{number}");
            index++;
        }
    }

    private static ApiException Invalid(ResourceKind kind, JsonObject content, string field, JsonNode value, string detail)
    {
        var errors = new FieldErrors();
        errors.Invalid(field, value, detail);
        return ApiError.Invalid(kind, content.Name(), errors);
    }

    private string? Free()
    {
        for (uint tries = 0; tries < Size; tries++)
        {
            var offset = _next;
            _next = _next + 1 >= Size - 1 ? 2 : _next + 1;
            var ip = ToAddress(Base + offset).ToString();
            if (!_taken.ContainsKey(ip))
                return ip;
        }

        return null;
    }

    private static uint ToNumber(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        return ((uint)bytes[0] << 24) | ((uint)bytes[1] << 16) | ((uint)bytes[2] << 8) | bytes[3];
    }

    private static IPAddress ToAddress(uint number) => new([(byte)(number >> 24), (byte)(number >> 16), (byte)(number >> 8), (byte)number]);

    internal sealed class Reservation(ClusterAddresses owner) : IDisposable
    {
        private bool _kept;

        public List<string> Taken { get; } = [];

        public void Keep() => _kept = true;

        public void Dispose()
        {
            if (_kept || Taken.Count == 0)
                return;
            lock (owner._lock)
                foreach (var key in Taken)
                    owner._taken.Remove(key);
        }
    }
}
