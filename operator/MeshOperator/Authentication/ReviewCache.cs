using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace MeshOperator.Authentication;

/// <summary>Remembers for a short time what the API server said of a token, refusals too: streams that come again and again do not become
/// questions. Tokens are kept as hashes.</summary>
internal sealed class ReviewCache(TimeProvider time)
{
    private const int MostKept = 10_000;
    private static readonly TimeSpan KeepAccepted = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan KeepRefused = TimeSpan.FromSeconds(5);
    private readonly ConcurrentDictionary<string, (PodOfToken? Pod, DateTimeOffset Until)> _answers = new(StringComparer.Ordinal);

    public static string Hash(string token) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    /// <summary>The answer if it is known; null means a refusal.</summary>
    public bool TryGet(string hash, out PodOfToken? pod)
    {
        var found = _answers.TryGetValue(hash, out var answer) && answer.Until > time.GetUtcNow();
        pod = found ? answer.Pod : null;
        return found;
    }

    public void Forget(string hash) => _answers.TryRemove(hash, out _);

    public void Remember(string hash, PodOfToken? pod)
    {
        var now = time.GetUtcNow();
        if (_answers.Count >= MostKept)
            DropOld(now);
        if (_answers.Count < MostKept)
            _answers[hash] = (pod, now + (pod is null ? KeepRefused : KeepAccepted));
    }

    private void DropOld(DateTimeOffset now)
    {
        foreach (var (hash, answer) in _answers)
        {
            if (answer.Until <= now)
                _answers.TryRemove(hash, out _);
        }
    }
}
