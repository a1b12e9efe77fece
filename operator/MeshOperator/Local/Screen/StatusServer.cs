using System.Net;
using System.Text.Json;
using MeshOperator.Composition;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace MeshOperator.Local.Screen;

/// <summary>Reports to other processes of this machine what the mesh shows, over HTTP on loopback; it takes no orders.</summary>
internal sealed class StatusServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private StatusServer(WebApplication app, Uri address) => (_app, Address) = (app, address);

    /// <summary>Where the view is, as JSON.</summary>
    public Uri Address { get; }

    /// <summary>Starts it at any free port.</summary>
    public static async Task<StatusServer> StartAsync(LocalMesh mesh, CancellationToken cancellation)
    {
        var reader = new MeshViewReader(mesh);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.Run(async context =>
        {
            context.Response.ContentType = "application/json";
            await JsonSerializer.SerializeAsync(
                context.Response.Body,
                await reader.ReadAsync(context.RequestAborted),
                cancellationToken: context.RequestAborted
            );
        });
        await app.StartAsync(cancellation);
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        return new StatusServer(app, new Uri(addresses.Single()));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
    }
}
