namespace MeshOperator.Mesh.Model;

/// <summary>How a proxy connects to the application in its own pod. What is null is left to <see cref="Default"/>.</summary>
public sealed record ApplicationConnection
{
    /// <summary>What holds where nothing is said. Servers close connections that are idle, and a request that crosses the close is lost;
    /// the proxy closes first. gunicorn waits 2 s, uvicorn and Node 5 s.</summary>
    public static ApplicationConnection Default { get; } =
        new() { IdleTimeout = TimeSpan.FromSeconds(1), ConnectTimeout = TimeSpan.FromSeconds(5) };

    /// <summary>After which an unused connection is closed; zero means never.</summary>
    public TimeSpan? IdleTimeout { get; init; }

    /// <summary>For the TCP handshake.</summary>
    public TimeSpan? ConnectTimeout { get; init; }

    /// <summary>How many connections are open at once, at least 1; further requests wait. Null means no bound.</summary>
    public int? MaxConnections { get; init; }

    /// <summary>After how many requests a connection is closed, at least 1; null means never.</summary>
    public int? RequestsPerConnection { get; init; }

    /// <summary>These settings, and <paramref name="others"/> where they say nothing.</summary>
    public ApplicationConnection Or(ApplicationConnection others)
    {
        ArgumentNullException.ThrowIfNull(others);
        return new()
        {
            IdleTimeout = IdleTimeout ?? others.IdleTimeout,
            ConnectTimeout = ConnectTimeout ?? others.ConnectTimeout,
            MaxConnections = MaxConnections ?? others.MaxConnections,
            RequestsPerConnection = RequestsPerConnection ?? others.RequestsPerConnection,
        };
    }
}
