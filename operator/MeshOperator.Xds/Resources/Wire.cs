using System.Text;
using Google.Protobuf;

namespace MeshOperator.Xds.Resources;

/// <summary>The protobuf encoding of length-delimited fields with numbers below 16, whose tag is one byte. Used to put messages
/// together from parts that are serialised already.</summary>
internal static class Wire
{
    /// <summary>What a tag and a length take at most.</summary>
    public const int MaxHeaderSize = 6;

    private const int LengthDelimitedType = 2;

    public static int LengthDelimitedSize(int length) => 1 + CodedOutputStream.ComputeLengthSize(length) + length;

    public static int StringSize(string value) => LengthDelimitedSize(Encoding.UTF8.GetByteCount(value));

    /// <summary>Writes the tag and length, and returns what is left of <paramref name="output"/>.</summary>
    public static Span<byte> WriteHeader(Span<byte> output, int field, int length)
    {
        output[0] = (byte)((field << 3) | LengthDelimitedType);
        var written = 1;
        var rest = (uint)length;
        for (; rest >= 0x80; rest >>= 7)
            output[written++] = (byte)(rest | 0x80);
        output[written++] = (byte)rest;
        return output[written..];
    }

    /// <summary>Writes a string field, and returns what is left of <paramref name="output"/>.</summary>
    public static Span<byte> WriteString(Span<byte> output, int field, string value)
    {
        var rest = WriteHeader(output, field, Encoding.UTF8.GetByteCount(value));
        return rest[Encoding.UTF8.GetBytes(value, rest)..];
    }
}
