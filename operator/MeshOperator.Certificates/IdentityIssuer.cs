using System.Collections.Concurrent;

namespace MeshOperator.Certificates;

/// <summary>Keeps one certificate for each identity that is asked for, in memory only, and replaces it at half of its life.</summary>
public sealed class IdentityIssuer : IDisposable
{
    private static readonly TimeSpan CheckEvery = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, Lazy<Entry>> _entries = new(StringComparer.Ordinal);
    private readonly TimeSpan _lifetime;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ITimer _timer;
    private CertificateAuthority _authority;

    /// <summary>Makes an issuer.</summary>
    /// <param name="authority">Signs the certificates.</param>
    /// <param name="lifetime">Of each certificate.</param>
    /// <param name="time">The clock.</param>
    /// <param name="random">Spreads renewals; must be safe for several threads.</param>
    public IdentityIssuer(CertificateAuthority authority, TimeSpan lifetime, TimeProvider time, Random random)
    {
        _authority = authority;
        _lifetime = lifetime;
        _time = time;
        _random = random;
        _timer = time.CreateTimer(_ => DropDue(), null, CheckEvery, CheckEvery);
    }

    /// <summary>Certificates or the trust bundle are to be asked for again.</summary>
    public event Action? Changed;

    /// <summary>The roots that peers trust, PEM.</summary>
    public string TrustBundle => Volatile.Read(ref _authority).TrustBundle;

    /// <summary>The present certificate of an identity; made when it is first asked for, or due.</summary>
    public IssuedCertificate Get(string spiffeId)
    {
        if (_entries.TryGetValue(spiffeId, out var known) && known.Value.RenewAt > _time.GetUtcNow()) return known.Value.Certificate;
        // The lazy lets one of several callers make it, and the key pair is not made under a lock.
        var fresh = new Lazy<Entry>(() => Issue(spiffeId));
        return _entries.AddOrUpdate(spiffeId, fresh, (_, old) => ReferenceEquals(old, known) ? fresh : old).Value.Certificate;
    }

    /// <summary>Takes another authority: all certificates are made anew.</summary>
    public void Use(CertificateAuthority authority)
    {
        Volatile.Write(ref _authority, authority);
        _entries.Clear();
        Changed?.Invoke();
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private Entry Issue(string spiffeId)
    {
        var certificate = Volatile.Read(ref _authority).IssueIdentity(spiffeId, _lifetime);
        var now = _time.GetUtcNow();
        // Half of what is left, and up to 5 % of it sooner or later, so that proxies that started together renew apart.
        var half = (certificate.NotAfter - now) / 2;
        return new Entry(certificate, now + (half * (0.95 + (_random.NextDouble() / 10))));
    }

    /// <summary>Forgets what is due; who still needs it asks again, and what nobody asks for is gone.</summary>
    private void DropDue()
    {
        var now = _time.GetUtcNow();
        var any = false;
        foreach (var (id, entry) in _entries)
        {
            if (entry.IsValueCreated && entry.Value.RenewAt <= now) any |= _entries.TryRemove(KeyValuePair.Create(id, entry));
        }

        if (any) Changed?.Invoke();
    }

    private sealed record Entry(IssuedCertificate Certificate, DateTimeOffset RenewAt);
}
