using System.Buffers.Binary;
using System.Text;

namespace MeshOperator.Proxy.Tls;

/// <summary>What a client says before a TLS handshake: the ALPN protocols that it offers.</summary>
internal static class ClientHello
{
    private const byte HandshakeRecord = 22;
    private const byte Hello = 1;
    private const int RecordHeader = 5;
    private const ushort Alpn = 16;

    /// <summary>Whether what has come may be the beginning of TLS.</summary>
    public static bool MayBe(ReadOnlySpan<byte> bytes) =>
        bytes[0] == HandshakeRecord
        && (bytes.Length < 2 || bytes[1] == 3)
        && (bytes.Length <= RecordHeader || bytes[RecordHeader] == Hello);

    /// <summary>Reads the protocols. False when more bytes are needed.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out IReadOnlyList<string> protocols)
    {
        protocols = [];

        // A hello may be in several records; they are put together first.
        var message = new List<byte>();
        while (true)
        {
            if (bytes.Length < RecordHeader)
                return false;
            int length = BinaryPrimitives.ReadUInt16BigEndian(bytes[3..]);
            if (bytes.Length < RecordHeader + length)
                return false;
            message.AddRange(bytes.Slice(RecordHeader, length));
            bytes = bytes[(RecordHeader + length)..];
            var hello = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(message);
            if (hello.Length < 4)
                continue;
            var size = (hello[1] << 16) | (hello[2] << 8) | hello[3];
            if (hello.Length < 4 + size)
                continue;
            protocols = Protocols(hello.Slice(4, size));
            return true;
        }
    }

    private static List<string> Protocols(ReadOnlySpan<byte> hello)
    {
        var reader = new Reader(hello);
        reader.Skip(2 + 32); // Version and random.
        reader.Skip(reader.Byte()); // Session.
        reader.Skip(reader.Short()); // Cipher suites.
        reader.Skip(reader.Byte()); // Compressions.
        if (reader.IsAtEnd)
            return [];
        reader.Short();
        while (!reader.IsAtEnd)
        {
            var type = reader.Short();
            var length = reader.Short();
            if (type != Alpn)
            {
                reader.Skip(length);
                continue;
            }

            var names = new List<string>();
            for (var rest = (int)reader.Short(); rest > 0 && !reader.IsAtEnd; )
            {
                var size = reader.Byte();
                names.Add(Encoding.ASCII.GetString(reader.Take(size)));
                rest -= size + 1;
            }

            return names;
        }

        return [];
    }

    /// <summary>Reads numbers; behind the end there are zeros.</summary>
    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public readonly bool IsAtEnd => _rest.IsEmpty;

        public byte Byte() => Take(1) is [var value] ? value : (byte)0;

        public ushort Short() => Take(2) is { Length: 2 } bytes ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : (ushort)0;

        public void Skip(int count) => Take(count);

        public ReadOnlySpan<byte> Take(int count)
        {
            var taken = _rest[..Math.Min(count, _rest.Length)];
            _rest = _rest[taken.Length..];
            return taken;
        }
    }
}
