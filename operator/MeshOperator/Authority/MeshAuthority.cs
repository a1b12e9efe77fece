using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;

namespace MeshOperator.Authority;

/// <summary>The certificate authority as this replica uses it now.</summary>
internal sealed class MeshAuthority
{
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private Snapshot _current;

    /// <summary>Begins with a state.</summary>
    /// <exception cref="CertificateAuthorityException">Its signer cannot be used.</exception>
    public MeshAuthority(AuthorityState state, TimeProvider time)
    {
        _time = time;
        _current = new Snapshot(state, CertificateAuthority.Load(state.Signer, time));
    }

    /// <summary>Raised after a later state was taken; must return soon.</summary>
    public event Action? Changed;

    /// <summary>The state and the authority that signs in it, of one moment.</summary>
    public Snapshot Current => Volatile.Read(ref _current);

    /// <summary>The present state.</summary>
    public AuthorityState State => Current.State;

    /// <summary>The roots that are trusted, PEM.</summary>
    public string TrustBundle => State.TrustBundle;

    /// <summary>Takes a state, if it is later than the present one. Signers that were replaced are left to the garbage collector: somebody
    /// may just be signing with one.</summary>
    /// <exception cref="CertificateAuthorityException">Its signer cannot be used; the present state stays.</exception>
    public void Apply(AuthorityState state)
    {
        lock (_lock)
        {
            if (state.Epoch <= _current.State.Epoch)
                return;
            var signer = state.Signer == _current.State.Signer ? _current.Signer : CertificateAuthority.Load(state.Signer, _time);
            Volatile.Write(ref _current, new Snapshot(state, signer));
        }

        Changed?.Invoke();
    }

    /// <summary>A state and the authority that signs in it.</summary>
    internal sealed record Snapshot(AuthorityState State, CertificateAuthority Signer);
}
