using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Connections;

namespace MeshOperator.EndToEnd.Applications;

/// <summary>The application's TCP ports.</summary>
internal static class Bytes
{
    /// <summary>Sends back what it gets, until the caller has said all or the connection ends.</summary>
    public static async Task EchoAsync(ConnectionContext connection, IServiceProvider services, bool speaksFirst)
    {
        var identity = services.GetRequiredService<Identity>();
        try
        {
            var greeting = Encoding.ASCII.GetBytes($"220 {identity.Pod} {identity.Version}\r\n");
            if (speaksFirst)
                await connection.Transport.Output.WriteAsync(greeting);
            while (true)
            {
                var read = await connection.Transport.Input.ReadAsync();
                foreach (var part in read.Buffer)
                    connection.Transport.Output.Write(part.Span);
                connection.Transport.Input.AdvanceTo(read.Buffer.End);
                if ((await connection.Transport.Output.FlushAsync()).IsCompleted || read.IsCompleted)
                    return;
            }
        }
        catch (Exception e) when (e is IOException or ConnectionAbortedException or ConnectionResetException)
        {
            // The caller has gone.
        }
    }
}
