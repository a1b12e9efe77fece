using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Xunit;

namespace MeshOperator.Proxy.Tests.Support;

/// <summary>An application of a pod: answers with its name unless told otherwise, and counts requests.</summary>
internal sealed class TestApplication : IAsyncDisposable
{
    private readonly WebApplication _application;
    private int _requests;

    private TestApplication(string name, WebApplication application) => (Name, _application) = (name, application);

    public string Name { get; }

    public int Requests => Volatile.Read(ref _requests);

    /// <summary>What it does with a request.</summary>
    public Func<HttpContext, Task>? Handler { get; set; }

    public static async Task<TestApplication> StartAsync(string name, string address, int port, bool isHttp2 = false)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Parse(address), port, listen => listen.Protocols = isHttp2 ? HttpProtocols.Http2 : HttpProtocols.Http1)
        );
        var application = builder.Build();
        var result = new TestApplication(name, application);
        application.UseWebSockets();
        application.Run(result.AnswerAsync);
        await application.StartAsync(TestContext.Current.CancellationToken);
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _application.StopAsync(now.Token);
        await _application.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        Interlocked.Increment(ref _requests);
        if (Handler is { } handler)
            await handler(context);
        else
            await context.Response.WriteAsync(Name);
    }
}
