using System.CommandLine;
using System.Text.Json;
using MeshOperator.Local.Screen;
using Spectre.Console;

namespace MeshOperator.Local.Commands;

/// <summary><c>meshop local status</c>: shows once what a local mesh shows of itself.</summary>
internal static class LocalStatusCommand
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    public static Command Create()
    {
        var data = DataOption.Create();
        var json = new Option<bool>("--json") { Description = "Write JSON." };
        var command = new Command("status", "Show pods, traffic and policies of the local mesh that runs.") { data, json };
        command.SetAction(
            (parsed, cancellation) => ShowAsync(parsed.GetValue(data)!, parsed.GetValue(json), parsed.InvocationConfiguration, cancellation)
        );
        return command;
    }

    private static async Task<int> ShowAsync(DirectoryInfo data, bool json, InvocationConfiguration console, CancellationToken cancellation)
    {
        try
        {
            using var client = new HttpClient { Timeout = Limit };
            var text = await client.GetStringAsync(LocalFiles.ReadStatusAddress(data), cancellation);
            if (json)
            {
                await console.Output.WriteLineAsync(text);
                return 0;
            }

            var view = JsonSerializer.Deserialize<MeshView>(text)!;
            await console.Output.WriteLineAsync($"proxy {view.Proxy}");
            PlainConsole.Create(console.Output).Write(MeshTables.Create(view));
            return 0;
        }
        catch (HttpRequestException)
        {
            await console.Error.WriteLineAsync(
                $"meshop local status: the local mesh with the folder {data} does not answer; start one with meshop local"
            );
            return 1;
        }
        catch (IOException e)
        {
            await console.Error.WriteLineAsync($"meshop local status: {e.Message}");
            return 1;
        }
    }
}
