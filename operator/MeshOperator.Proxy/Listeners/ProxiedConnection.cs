using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.Proxy.Listeners;

/// <summary>Answers requests of a connection.</summary>
internal interface IRequestHandler
{
    /// <summary>Answers a request.</summary>
    Task HandleAsync(HttpContext context, ProxiedConnection connection);
}

/// <summary>A connection that a client has opened.</summary>
/// <param name="Transport">The connection.</param>
/// <param name="Chain">What is done with it.</param>
internal sealed record ProxiedConnection(ConnectionContext Transport, ChainPlan Chain)
{
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The identity in the client's certificate, or null.</summary>
    public string? Caller { get; init; }

    /// <summary>The client's certificate, or null.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>The own identity that was shown, or null.</summary>
    public string? Self { get; init; }

    /// <summary>Ends when the HTTP server is done with the connection.</summary>
    public Task Completed => _completed.Task;

    /// <summary>Says that the HTTP server is done with the connection.</summary>
    public void Complete() => _completed.TrySetResult();

    /// <summary>Has the connection end after the requests in flight; one of bytes at once.</summary>
    public void Drain()
    {
        if (Chain.Handler is not null && Transport.Features.Get<IConnectionLifetimeNotificationFeature>() is { } lifetime)
            lifetime.RequestClose();
        else
            Transport.Abort();
    }
}
