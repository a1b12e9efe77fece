using System.IO.Pipelines;
using System.Net;

namespace MeshOperator.Proxy.Tests.Support;

/// <summary>A request's body that is written while the response is read, which clients do not allow for other kinds of content.</summary>
internal sealed class PipedContent(PipeReader reader) : HttpContent
{
    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await stream.FlushAsync();
        while (true)
        {
            var result = await reader.ReadAsync();
            foreach (var part in result.Buffer)
                await stream.WriteAsync(part);
            await stream.FlushAsync();
            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
                return;
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
