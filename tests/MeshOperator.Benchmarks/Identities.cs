using System.Diagnostics;
using System.Globalization;
using MeshOperator.Certificates;

namespace MeshOperator.Benchmarks;

/// <summary>Issues a leaf and key for each proxy of a mesh that starts at once, with one and with more keys made at a time; the operator
/// makes as many as half of the cores.</summary>
internal static class Identities
{
    public static async Task MeasureAsync(int proxies)
    {
        foreach (var atOnce in new[] { 1, Environment.ProcessorCount })
        {
            await MeasureAsync(proxies, LeafKeyType.EcdsaP256, atOnce);
            // An RSA key takes so long that a tenth is enough.
            await MeasureAsync(proxies / 10, LeafKeyType.Rsa2048, atOnce);
        }
    }

    private static async Task MeasureAsync(int proxies, LeafKeyType type, int atOnce)
    {
        using var authority = CertificateAuthority.CreateSelfSigned("cluster.local", TimeProvider.System);
        using var issuer = new IdentityIssuer(authority, new LeafSettings { KeyType = type }, TimeProvider.System, new Random(1));
        var clock = Stopwatch.StartNew();
        await Parallel.ForAsync(
            0,
            proxies,
            new ParallelOptions { MaxDegreeOfParallelism = atOnce },
            (i, _) =>
            {
                issuer.Get($"web-{i}.shop", $"spiffe://cluster.local/ns/shop/sa/web-{i % 20}");
                return ValueTask.CompletedTask;
            }
        );
        var took = clock.Elapsed;
        await Console.Out.WriteLineAsync(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{issuer.Count} {type} leaves, {atOnce} at once: {took.TotalMilliseconds:0} ms, "
                    + $"{took.TotalMilliseconds / proxies:0.00} ms each"
            )
        );
    }
}
