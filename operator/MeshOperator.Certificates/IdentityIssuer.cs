using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace MeshOperator.Certificates;

/// <summary>Keeps one certificate and key for each proxy, in memory only, and renews it before it ends. What is forgotten, whether due or
/// left by its proxy, is reported as due, so that nobody keeps using what is not renewed.</summary>
public sealed class IdentityIssuer : IDisposable
{
    private static readonly TimeSpan CheckEvery = TimeSpan.FromMinutes(1);

    /// <summary>A proxy that reconnects within this time gets the certificate that it had.</summary>
    private static readonly TimeSpan KeepReleased = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<ProxyIdentity, Entry> _entries = new();
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ITimer _timer;
    private CertificateAuthority _authority;
    private LeafSettings _settings;

    /// <summary>Makes an issuer.</summary>
    /// <param name="authority">Signs the certificates.</param>
    /// <param name="settings">Of the certificates.</param>
    /// <param name="time">The clock.</param>
    /// <param name="random">Spreads renewals; must be safe for several threads.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its bounds.</exception>
    public IdentityIssuer(CertificateAuthority authority, LeafSettings settings, TimeProvider time, Random random)
    {
        _authority = authority;
        _settings = settings.Checked();
        _time = time;
        _random = random;
        _timer = time.CreateTimer(_ => ForgetDue(), null, CheckEvery, CheckEvery);
    }

    /// <summary>What certificates are like that are issued from now on.</summary>
    public LeafSettings Settings => Volatile.Read(ref _settings);

    /// <summary>How many certificates are kept.</summary>
    public int Count => _entries.Count;

    /// <summary>The present certificate of a proxy, if there is one.</summary>
    public bool TryGet(string proxy, string spiffeId, [NotNullWhen(true)] out IssuedLeaf? leaf)
    {
        leaf =
            _entries.TryGetValue(new ProxyIdentity(proxy, spiffeId), out var entry)
            && entry.Issued is { } issued
            && entry.RenewAt > _time.GetUtcNow()
                ? issued
                : null;
        if (leaf is not null)
            entry!.ReleasedAt = null;
        return leaf is not null;
    }

    /// <summary>The present certificate of a proxy; made when it is first asked for, or due.</summary>
    /// <param name="proxy">Distinguishes the proxies of one identity, as each has its own key.</param>
    /// <param name="spiffeId">The identity.</param>
    /// <exception cref="CertificateAuthorityException">The authority cannot sign now.</exception>
    public IssuedLeaf Get(string proxy, string spiffeId)
    {
        if (TryGet(proxy, spiffeId, out var leaf))
            return leaf;
        var name = new ProxyIdentity(proxy, spiffeId);
        if (_entries.TryGetValue(name, out var old) && old.RenewAt <= _time.GetUtcNow())
            Forget(name, old);
        var entry = _entries.GetOrAdd(name, static (_, issuer) => new Entry(issuer.Issue), this);
        try
        {
            return entry.Leaf(name);
        }
        catch
        {
            Forget(name, entry);
            throw;
        }
    }

    /// <summary>Says that a proxy has gone. Its certificate is forgotten after a while if it does not come back.</summary>
    public void Release(string proxy, string spiffeId)
    {
        if (_entries.TryGetValue(new ProxyIdentity(proxy, spiffeId), out var entry))
            entry.ReleasedAt = _time.GetUtcNow();
    }

    /// <summary>Takes another authority: all certificates are issued again.</summary>
    public void Use(CertificateAuthority authority)
    {
        if (ReferenceEquals(Interlocked.Exchange(ref _authority, authority), authority))
            return;
        foreach (var (name, entry) in _entries)
            Forget(name, entry);
    }

    /// <summary>Takes other settings. Certificates that would be renewed later than new ones are renewed sooner, spread over the time in
    /// which new ones are.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its bounds.</exception>
    public void Use(LeafSettings settings)
    {
        var before = Interlocked.Exchange(ref _settings, settings.Checked());
        if (before == settings)
            return;
        var now = _time.GetUtcNow();
        foreach (var entry in _entries.Values)
        {
            var soon = now + (settings.Lifetime * settings.RenewAt * _random.NextDouble());
            if (soon < entry.RenewAt)
                entry.RenewAt = soon;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private IssuedCertificate Issue(ProxyIdentity name, Entry entry)
    {
        var settings = Settings;
        var certificate = Volatile.Read(ref _authority).IssueIdentity(name.SpiffeId, settings.Lifetime, settings.KeyType);
        var now = _time.GetUtcNow();
        entry.RenewAt = now + settings.RenewAfter(certificate.NotAfter - now, _random.NextDouble());
        return certificate;
    }

    private void ForgetDue()
    {
        var now = _time.GetUtcNow();
        foreach (var (name, entry) in _entries)
        {
            if (entry.RenewAt <= now || entry.ReleasedAt + KeepReleased <= now)
                Forget(name, entry);
        }
    }

    private void Forget(ProxyIdentity name, Entry entry)
    {
        if (_entries.TryRemove(KeyValuePair.Create(name, entry)))
            entry.Dispose();
    }

    private readonly record struct ProxyIdentity(string Proxy, string SpiffeId);

    /// <summary>A certificate, or one that is being made.</summary>
    private sealed class Entry : IDisposable
    {
        private readonly Func<ProxyIdentity, Entry, IssuedCertificate> _issue;
        private readonly CancellationTokenSource _due = new();
        private readonly CancellationToken _isDue;
        private readonly Lock _issuing = new();
        private long _renewAt = DateTimeOffset.MaxValue.UtcTicks;
        private long _releasedAt = long.MaxValue;
        private IssuedLeaf? _issued;

        public Entry(Func<ProxyIdentity, Entry, IssuedCertificate> issue) => (_issue, _isDue) = (issue, _due.Token);

        /// <summary>Null until it is made.</summary>
        public IssuedLeaf? Issued => Volatile.Read(ref _issued);

        public DateTimeOffset RenewAt
        {
            get => new(Volatile.Read(ref _renewAt), TimeSpan.Zero);
            set => Volatile.Write(ref _renewAt, value.UtcTicks);
        }

        /// <summary>When the proxy has gone, or null while it is there.</summary>
        public DateTimeOffset? ReleasedAt
        {
            get => Volatile.Read(ref _releasedAt) is var ticks && ticks == long.MaxValue ? null : new DateTimeOffset(ticks, TimeSpan.Zero);
            set => Volatile.Write(ref _releasedAt, value?.UtcTicks ?? long.MaxValue);
        }

        /// <summary>Of several callers one makes it, and the others wait.</summary>
        public IssuedLeaf Leaf(ProxyIdentity name)
        {
            lock (_issuing)
            {
                if (_issued is null)
                    Volatile.Write(ref _issued, new IssuedLeaf(_issue(name, this), _isDue));
                return _issued!;
            }
        }

        /// <summary>Notifies who uses the certificate that it is due.</summary>
        public void Dispose()
        {
            _due.Cancel();
            _due.Dispose();
        }
    }
}
