using System.Security.Cryptography;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace MeshOperator.Xds.Resources;

/// <summary>One resource, serialised once for all streams. Its version is a hash of its bytes, so that replicas of the operator agree
/// on it and it changes only with the content.</summary>
internal sealed class XdsResource
{
    private XdsResource(ResourceType type, string name, byte[] any, string version)
    {
        Type = type;
        Name = name;
        Any = any;
        Version = version;
    }

    public ResourceType Type { get; }

    public string Name { get; }

    public string Version { get; }

    /// <summary>The resource as the bytes of a <c>google.protobuf.Any</c>, which both variants of the protocol carry.</summary>
    public byte[] Any { get; }

    /// <summary>Serialises <paramref name="message"/>, or gives back <paramref name="previous"/> when its content is the same.</summary>
    public static XdsResource Create(ResourceType type, string name, IMessage message, XdsResource? previous = null)
    {
        var any = Serialise(new Any { TypeUrl = type.Url(), Value = UnsafeByteOperations.UnsafeWrap(Serialise(message)) });
        if (previous is not null && previous.Name == name && previous.Any.AsSpan().SequenceEqual(any)) return previous;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(any, hash);
        return new XdsResource(type, name, any, Convert.ToHexStringLower(hash[..8]));
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
}
