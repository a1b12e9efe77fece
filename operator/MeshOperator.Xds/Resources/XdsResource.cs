using System.Security.Cryptography;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace MeshOperator.Xds.Resources;

/// <summary>One resource, serialised once for all streams. Its version is a hash of its bytes, so that replicas of the operator agree
/// on it and it changes only with the content.</summary>
internal sealed class XdsResource
{
    private readonly byte[] _frame;
    private readonly int _anyOffset;

    private XdsResource(ResourceType type, string name, string version, byte[] any, string? origin, XdsResource? forOlder)
    {
        Type = type;
        Name = name;
        Version = version;
        Origin = origin;
        ForOlder = forOlder;
        (_frame, _anyOffset) = Frame(name, version, any);
    }

    public ResourceType Type { get; }

    public string Name { get; }

    public string Version { get; }

    /// <summary>Of a secret, the source that it comes from: the signer of an identity, the bundle of a validation context. Null of
    /// others.</summary>
    public string? Origin { get; }

    /// <summary>What proxies are sent that lack something which this resource uses; null when it uses nothing of the kind.</summary>
    public XdsResource? ForOlder { get; }

    /// <summary>The resource as the bytes of a <c>google.protobuf.Any</c>, as a state-of-the-world response carries it.</summary>
    public ReadOnlyMemory<byte> Any => _frame.AsMemory(_anyOffset);

    /// <summary>The resource with its name and version as field 2 of a <c>DeltaDiscoveryResponse</c>, tag and length included.</summary>
    public ReadOnlyMemory<byte> DeltaField => _frame;

    /// <summary>Serialises <paramref name="message"/>, or gives back <paramref name="previous"/> when its content is the same.</summary>
    public static XdsResource Create(
        ResourceType type,
        string name,
        IMessage message,
        XdsResource? previous = null,
        string? origin = null,
        XdsResource? forOlder = null
    )
    {
        var any = Serialise(new Any { TypeUrl = type.Url(), Value = UnsafeByteOperations.UnsafeWrap(Serialise(message)) });
        if (previous is not null && previous.Name == name && previous.Any.Span.SequenceEqual(any))
            return previous;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(any, hash);
        return new XdsResource(type, name, Convert.ToHexStringLower(hash[..8]), any, origin, forOlder);
    }

    /// <summary>The same bytes for the same content: map entries in the order of their keys.</summary>
    public static byte[] Serialise(IMessage message)
    {
        var bytes = new byte[message.CalculateSize()];
        using var output = new CodedOutputStream(bytes) { Deterministic = true };
        message.WriteTo(output);
        output.CheckNoSpaceLeft();
        return bytes;
    }

    /// <summary>Only the name and version: the content may be a private key.</summary>
    public override string ToString() => $"{Type.ShortName()} {Name} {Version}";

    /// <summary>Puts the content last, so that one array serves both variants of the protocol.</summary>
    private static (byte[] Frame, int AnyOffset) Frame(string name, string version, byte[] any)
    {
        var size = Wire.StringSize(version) + Wire.StringSize(name) + Wire.LengthDelimitedSize(any.Length);
        var frame = new byte[Wire.LengthDelimitedSize(size)];
        var rest = frame.AsSpan();
        rest = Wire.WriteHeader(rest, field: 2, size);
        rest = Wire.WriteString(rest, field: 1, version);
        rest = Wire.WriteString(rest, field: 3, name);
        rest = Wire.WriteHeader(rest, field: 2, any.Length);
        any.CopyTo(rest);
        return (frame, frame.Length - any.Length);
    }
}
