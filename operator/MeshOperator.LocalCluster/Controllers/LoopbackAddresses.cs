namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Hands out pod addresses in 127.1.0.0/16; an address is used again only long after its pod is gone.</summary>
public sealed class LoopbackAddresses
{
    private const int Size = 256 * 256;
    private readonly Dictionary<string, int> _byPod = new(StringComparer.Ordinal);
    private readonly HashSet<int> _taken = [];
    private int _next = 1;

    /// <summary>The address of a pod, by its UID.</summary>
    /// <exception cref="InvalidOperationException">65,000 pods have one each.</exception>
    public string Assign(string uid)
    {
        lock (_taken)
        {
            if (!_byPod.TryGetValue(uid, out var number))
            {
                number = Free();
                _byPod[uid] = number;
                _taken.Add(number);
            }

            return $"127.1.{number / 256}.{number % 256}";
        }
    }

    /// <summary>Takes back the address of a pod that is gone.</summary>
    public void Release(string uid)
    {
        lock (_taken)
            if (_byPod.Remove(uid, out var number))
                _taken.Remove(number);
    }

    private int Free()
    {
        for (var tries = 0; tries < Size; tries++)
        {
            var number = _next;
            _next = (_next + 1) % Size;
            if (number % 256 is not (0 or 255) && !_taken.Contains(number))
                return number;
        }

        throw new InvalidOperationException("all pod addresses of 127.1.0.0/16 are in use: delete some pods");
    }
}
