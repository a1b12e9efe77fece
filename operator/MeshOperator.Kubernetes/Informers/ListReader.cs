using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MeshOperator.Kubernetes.Informers;

/// <summary>Reads one list as it comes and gives each item's JSON to <paramref name="take"/>, so that no more than one item has to be in
/// memory. The JSON is in a buffer that is used again when it returns.</summary>
internal sealed class ListReader(string resource, Action<ArraySegment<byte>> take)
{
    private const int FirstSize = 64 * 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstSize);
    private int _filled;
    private int _scanned;
    private JsonReaderState _state;
    private Member _member;
    private JsonNode? _metadata;

    /// <summary>Where the item or metadata begins of which the end has not been scanned.</summary>
    private int? _start;

    private enum Member
    {
        Other,
        Metadata,
        Items,
    }

    /// <summary>Reads to the end of the stream, once.</summary>
    /// <returns>The list's metadata; null when there is none.</returns>
    /// <exception cref="InvalidDataException">It is no list, or an item is too long.</exception>
    public async Task<JsonNode?> ReadAsync(Stream list, CancellationToken cancellation)
    {
        try
        {
            int read;
            do
            {
                MakeRoom();
                read = await list.ReadAsync(_buffer.AsMemory(_filled), cancellation);
                _filled += read;
                Scan(isComplete: read == 0);
            } while (read > 0);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"The list of {resource} is not JSON: {e.Message}", e);
        }
        finally
        {
            // Secrets are read too.
            ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
        }

        return _metadata;
    }

    private void MakeRoom()
    {
        var keep = _start ?? _scanned;
        _buffer.AsSpan(keep, _filled - keep).CopyTo(_buffer);
        (_filled, _scanned, _start) = (_filled - keep, _scanned - keep, _start - keep);
        if (_filled < _buffer.Length)
            return;

        if (_filled >= WatchStream.LongestEvent)
            throw new InvalidDataException($"The list of {resource} has an object that is longer than {WatchStream.LongestEvent} bytes.");
        var larger = ArrayPool<byte>.Shared.Rent(2 * _buffer.Length);
        _buffer.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
        _buffer = larger;
    }

    private void Scan(bool isComplete)
    {
        var reader = new Utf8JsonReader(_buffer.AsSpan(_scanned, _filled - _scanned), isComplete, _state);
        while (reader.Read())
        {
            var (depth, token) = (reader.CurrentDepth, reader.TokenType);
            if (token == JsonTokenType.PropertyName)
            {
                if (depth == 1)
                    _member =
                        reader.ValueTextEquals("items"u8) ? Member.Items
                        : reader.ValueTextEquals("metadata"u8) ? Member.Metadata
                        : Member.Other;
                continue;
            }

            var isList = (depth, _member) switch
            {
                (0, _) => token is JsonTokenType.StartObject or JsonTokenType.EndObject,
                (1, Member.Items) => token is JsonTokenType.StartArray or JsonTokenType.EndArray or JsonTokenType.Null,
                (1, Member.Metadata) => token is JsonTokenType.StartObject or JsonTokenType.EndObject or JsonTokenType.Null,
                _ => true,
            };
            if (!isList)
                throw new InvalidDataException($"The list of {resource} has no metadata or no items.");
            if ((depth, _member) is not ((1, Member.Metadata) or (2, Member.Items)))
                continue;

            if (token is not (JsonTokenType.EndObject or JsonTokenType.EndArray))
                _start = _scanned + (int)reader.TokenStartIndex;
            if (token is JsonTokenType.StartObject or JsonTokenType.StartArray)
                continue;

            var start = _start!.Value;
            var value = new ArraySegment<byte>(_buffer, start, _scanned + (int)reader.BytesConsumed - start);
            _start = null;
            if (_member == Member.Items)
                take(value);
            else
                _metadata = JsonNode.Parse(value);
        }

        _scanned += (int)reader.BytesConsumed;
        _state = reader.CurrentState;
    }
}
