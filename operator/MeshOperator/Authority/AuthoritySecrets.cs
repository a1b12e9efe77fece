using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Settings;

namespace MeshOperator.Authority;

/// <summary>The two Secrets of the certificate authority in the operator's namespace: the one that a user may bring (or the operator
/// makes), which says who is to sign, and the operator's own, which says who signs and how far a rotation is.</summary>
[GenericRbac("", "secrets", "create", OwnNamespace = true)]
[GenericRbac(
    "",
    "secrets",
    "get,list,watch,update",
    OwnNamespace = true,
    ResourceNames = MeshNames.CaSecret + "," + MeshNames.CaStateSecret
)]
internal sealed class AuthoritySecrets(EntityClient<V1Secret> secrets, OperatorOptions options)
{
    private const string Certificate = "tls.crt";
    private const string PrivateKey = "tls.key";
    private const string Record = "state.json";
    private const string Bundle = "trust-bundle.crt";
    private const string Cross = "cross-signed.crt";
    private const string Signer = "signer-";
    private const string Next = "next-";

    /// <summary>The Secret that says who is to sign.</summary>
    public ObjectKey Wanted { get; } = new(options.Namespace, MeshNames.CaSecret);

    /// <summary>The Secret that says who signs.</summary>
    public ObjectKey State { get; } = new(options.Namespace, MeshNames.CaStateSecret);

    /// <summary>Whether the operator made a Secret, and may replace it.</summary>
    public static bool IsOwn(V1Secret secret) =>
        secret.Metadata.Labels is { } labels && labels.TryGetValue(MeshNames.ManagedByLabel, out var by) && by == MeshNames.FieldManager;

    /// <summary>The Secret that says who is to sign; null when there is none.</summary>
    public Task<V1Secret?> GetWantedAsync(CancellationToken cancellation) => secrets.GetAsync(Wanted, cancellation);

    /// <summary>The Secret that says who signs; null when there is none.</summary>
    public Task<V1Secret?> GetStateAsync(CancellationToken cancellation) => secrets.GetAsync(State, cancellation);

    /// <summary>Writes who is to sign: over <paramref name="present"/> if it was not changed since, or creates it.</summary>
    /// <param name="files">The authority.</param>
    /// <param name="rotation">The rotation that was asked for, or null.</param>
    /// <param name="present">The Secret as it was read; null to create it.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public Task<V1Secret> WriteWantedAsync(
        CertificateAuthorityFiles files,
        string? rotation,
        V1Secret? present,
        CancellationToken cancellation
    )
    {
        var secret = New(Wanted, present, "kubernetes.io/tls", Data(files, string.Empty));
        if (rotation is not null)
            secret.Metadata.Annotations = new Dictionary<string, string> { [MeshNames.RotateAnnotation] = rotation };
        return WriteAsync(secret, cancellation);
    }

    /// <summary>Writes who signs: over <paramref name="present"/> if it was not changed since, or creates it.</summary>
    public Task<V1Secret> WriteStateAsync(AuthorityState state, V1Secret? present, CancellationToken cancellation)
    {
        var data = Data(state.Signer, Signer);
        if (state.Next is { } next)
        {
            foreach (var (key, value) in Data(next, Next))
                data[key] = value;
        }

        data[Record] = JsonSerializer.SerializeToUtf8Bytes(
            new StateRecord(state.Epoch, state.Phase, state.Since),
            StateRecordJson.Default.StateRecord
        );
        data[Bundle] = Bytes(state.TrustBundle);
        data[Cross] = Bytes(state.CrossCertificates);
        return WriteAsync(New(State, present, "Opaque", data), cancellation);
    }

    /// <summary>The authority in the Secret that says who is to sign.</summary>
    /// <exception cref="CertificateAuthorityException">It cannot be used; the message names the Secret and what to do.</exception>
    public CertificateAuthorityFiles ReadWanted(V1Secret secret, TimeProvider time)
    {
        try
        {
            var files = Files(secret, string.Empty);
            using var authority = CertificateAuthority.Load(files, time, options.TrustDomain);
            ServingCertificate.Check(authority, options.ServingNames);
            return files;
        }
        catch (CertificateAuthorityException e)
        {
            throw new CertificateAuthorityException(
                $"The certificate authority in Secret {Wanted} cannot be used: {e.Message.TrimEnd('.')}.",
                e
            );
        }
    }

    /// <summary>The state in the operator's own Secret.</summary>
    /// <exception cref="CertificateAuthorityException">Somebody has changed it so that it cannot be read.</exception>
    public AuthorityState ReadState(V1Secret secret)
    {
        try
        {
            var record =
                JsonSerializer.Deserialize(Text(secret, Record), StateRecordJson.Default.StateRecord) ?? throw new JsonException("null");
            return new AuthorityState
            {
                Epoch = record.Epoch,
                Phase = record.Phase,
                Since = record.Since,
                Signer = Files(secret, Signer),
                Next = record.Phase == RotationPhase.DistributingTrust ? Files(secret, Next) : null,
                TrustBundle = Text(secret, Bundle),
                CrossCertificates = Text(secret, Cross),
            };
        }
        catch (Exception e) when (e is JsonException or CertificateAuthorityException)
        {
            throw new CertificateAuthorityException(
                $"Secret {State} cannot be read: {e.Message.TrimEnd('.')}. Delete it to start again with the authority in Secret {Wanted}.",
                e
            );
        }
    }

    private static Dictionary<string, byte[]> Data(CertificateAuthorityFiles files, string prefix) =>
        new()
        {
            [prefix + Certificate] = Bytes(files.Certificate),
            [prefix + PrivateKey] = Bytes(files.PrivateKey),
            [prefix + MeshNames.CaCertificateKey] = Bytes(files.Roots),
        };

    private static CertificateAuthorityFiles Files(V1Secret secret, string prefix) =>
        new(Text(secret, prefix + Certificate), Text(secret, prefix + PrivateKey), Text(secret, prefix + MeshNames.CaCertificateKey));

    private static string Text(V1Secret secret, string key) =>
        secret.Data is { } data && data.TryGetValue(key, out var bytes)
            ? Encoding.UTF8.GetString(bytes)
            : throw new CertificateAuthorityException($"it has no key '{key}'");

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static V1Secret New(ObjectKey key, V1Secret? present, string type, Dictionary<string, byte[]> data) =>
        new()
        {
            Metadata = new V1ObjectMeta
            {
                Name = key.Name,
                NamespaceProperty = key.Namespace,
                ResourceVersion = present?.Metadata.ResourceVersion,
                Labels = new Dictionary<string, string> { [MeshNames.ManagedByLabel] = MeshNames.FieldManager },
            },
            Type = type,
            Data = data,
        };

    private Task<V1Secret> WriteAsync(V1Secret secret, CancellationToken cancellation) =>
        secret.Metadata.ResourceVersion is null ? secrets.CreateAsync(secret, cancellation) : secrets.ReplaceAsync(secret, cancellation);
}

internal sealed record StateRecord(
    long Epoch,
    [property: JsonConverter(typeof(JsonStringEnumConverter<RotationPhase>))] RotationPhase Phase,
    DateTimeOffset Since
);

[JsonSerializable(typeof(StateRecord))]
internal sealed partial class StateRecordJson : JsonSerializerContext;
