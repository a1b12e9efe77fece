using System.Net;
using Grpc.Net.Client;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Hosting;
using MeshOperator.Xds.LoadStats;
using MeshOperator.Xds.Registry;
using MeshOperator.Xds.Secrets;
using MeshOperator.Xds.Server;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Xds.Tests.Support;

/// <summary>The ADS server on a real Kestrel on loopback, with a second port on which HTTP requests change the mesh.</summary>
internal sealed class XdsTestServer : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly Lock _gate = new();
    private int _touches;

    private XdsTestServer(WebApplication application) => _application = application;

    public MeshModel Model { get; private set; } = ShopMesh.Model();

    /// <summary>HOST:PORT of the ADS server.</summary>
    public string Address { get; private set; } = "";

    /// <summary>The URL under which <c>/touch/…</c> changes the mesh.</summary>
    public string ControlUrl { get; private set; } = "";

    public SnapshotCache Cache => _application.Services.GetRequiredService<SnapshotCache>();

    public ProxyRegistry Registry => _application.Services.GetRequiredService<ProxyRegistry>();

    public LoadStatsCollector Loads => _application.Services.GetRequiredService<LoadStatsCollector>();

    public TestCertificates Certificates => (TestCertificates)_application.Services.GetRequiredService<IIdentitySource>();

    public static async Task<XdsTestServer> StartAsync(
        Action<XdsServerOptions>? configure = null,
        INodeAuthenticator? authenticator = null,
        bool withConfiguration = true,
        TelemetrySettings? telemetry = null,
        Action<WebApplicationBuilder>? host = null
    )
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
        });
        builder.Services.AddSingleton(new EnvoyTranslator(telemetry ?? new TelemetrySettings()));
        host?.Invoke(builder);
        builder.Services.AddXdsServer(configure);
        builder.Services.AddSingleton<IIdentitySource, TestCertificates>();
        builder.Services.AddSingleton(authenticator ?? new AcceptAllNodes());
        var application = builder.Build();
        var server = new XdsTestServer(application);
        application.MapXdsServer();
        application.MapGet(
            "/touch/{kind}",
            (string kind) =>
            {
                server.Touch(kind);
                return Results.Ok();
            }
        );
        if (withConfiguration)
            server.Update(server.Model);
        await application.StartAsync(TestContext.Current.CancellationToken);
        var addresses = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToList();
        server.Address = new Uri(addresses[0]).Authority;
        server.ControlUrl = addresses[1];
        return server;
    }

    public GrpcChannel Connect() => GrpcChannel.ForAddress($"http://{Address}");

    /// <summary>Serves another model.</summary>
    /// <returns>How many streams were woken.</returns>
    public int Update(MeshModel model)
    {
        lock (_gate)
        {
            Model = model;
            return Cache.Update(_application.Services.GetRequiredService<EnvoyTranslator>().Translate(model));
        }
    }

    /// <summary>Stops as a program does that was asked to.</summary>
    public Task StopAsync() => _application.StopAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync() => await _application.DisposeAsync();

    private void Touch(string kind)
    {
        var count = Interlocked.Increment(ref _touches);
        Update(
            kind switch
            {
                "change" => Model.WithWebWeights(90, 10 + count),
                "cluster" => Model.WithPort("web", port => Recluster(port, count)),
                "all" => Model.WithPort(
                    "legacy",
                    port =>
                        Recluster(port, count) with
                        {
                            Endpoints = [.. port.Endpoints.Take(2), new MeshEndpoint($"10.0.100.{count}", 8080, null, null)],
                            Routes = [port.Routes[0] with { RequestTimeout = TimeSpan.FromSeconds(count) }],
                            TcpBackends =
                            [
                                new WeightedBackend(count, new BackendTarget(ShopMesh.Name("legacy"), 9000)),
                                new WeightedBackend(1, new BackendTarget(ShopMesh.Name("db"), 5432)),
                            ],
                        }
                ),
                "add" => Model.WithService(ShopMesh.Extra()),
                "remove" => Model.WithoutService("extra"),
                _ => throw new ArgumentOutOfRangeException(nameof(kind)),
            }
        );
    }

    private static MeshServicePort Recluster(MeshServicePort port, int count) =>
        port with
        {
            Connection = port.Connection with { ConnectTimeout = TimeSpan.FromSeconds(5) + TimeSpan.FromMilliseconds(count) },
        };
}
