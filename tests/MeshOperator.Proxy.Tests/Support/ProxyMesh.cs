using System.Collections.Immutable;
using System.Net;
using System.Text.Json.Nodes;
using MeshOperator.Mesh.Model;
using MeshOperator.Testing;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Hosting;
using MeshOperator.Xds.Registry;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Secrets;
using MeshOperator.Xds.Server;
using MeshOperator.Xds.Tests.Support;
using MeshOperator.Xds.Translation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests.Support;

/// <summary>A mesh: the operator's ADS server, pods with built-in proxies, and applications.</summary>
internal sealed class ProxyMesh : IAsyncDisposable
{
    public const string Namespace = "shop";
    private const int OutboundPort = 15001;
    private const int ApplicationPort = 8080;

    private readonly Lock _gate = new();
    private readonly List<IAsyncDisposable> _parts = [];
    private readonly List<HttpClient> _clients = [];
    private readonly DiscoveryFiles _discovery = new(Loopback.Next());
    private WebApplication? _server;

    public MeshModel Model { get; private set; } = MeshModel.Empty;

    public TestCertificates Certificates { get; } = new();

    public EnvoyTranslator Translator { get; } = new();

    public SnapshotCache Cache => _server!.Services.GetRequiredService<SnapshotCache>();

    public ProxyRegistry Registry => _server!.Services.GetRequiredService<ProxyRegistry>();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<ProxyMesh> StartAsync()
    {
        var mesh = new ProxyMesh();
        await mesh.StartServerAsync();
        return mesh;
    }

    public static ServiceName Name(string service) => new(Namespace, service);

    public static BackendTarget Target(string service) => new(Name(service), 80);

    public static string Identity(string account) => $"spiffe://cluster.local/ns/{Namespace}/sa/{account}";

    /// <summary>Starts the operator's server, after it was stopped too.</summary>
    public async Task StartServerAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(
                IPAddress.Parse(_discovery.Address),
                DiscoveryFiles.Port,
                listen =>
                {
                    listen.Protocols = HttpProtocols.Http2;
                    listen.UseHttps(_discovery.Certificate);
                }
            )
        );
        builder.Services.AddSingleton(Translator);
        builder.Services.AddXdsServer();
        builder.Services.AddSingleton<IIdentitySource>(Certificates);
        builder.Services.AddSingleton<INodeAuthenticator>(_discovery);
        _server = builder.Build();
        _server.MapXdsServer();
        Update(model => model);
        await _server.StartAsync(Cancellation);
    }

    public async Task StopServerAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _server!.StopAsync(now.Token);
        await _server.DisposeAsync();
        _server = null;
    }

    /// <summary>Only a new token is accepted from now on.</summary>
    public void RenewToken() => _discovery.RenewToken();

    /// <summary>Changes the mesh.</summary>
    public void Update(Func<MeshModel, MeshModel> change)
    {
        lock (_gate)
        {
            Model = change(Model);
            Cache.Update(Translator.Translate(Model));
        }
    }

    /// <summary>Serves something that the translation does not make: routes of the proxies that calls leave by.</summary>
    public void Tamper(Action<Envoy.Config.Route.V3.RouteConfiguration> change)
    {
        lock (_gate)
        {
            var made = Translator.Translate(Model);
            Cache.Update(
                new EnvoyConfiguration
                {
                    TrustDomain = made.TrustDomain,
                    ServicePorts = made.ServicePorts,
                    Shared = made.Shared,
                    Workloads = made.Workloads,
                    NodeTable = made.NodeTable,
                    Scopes = made.Scopes.ToDictionary(
                        scope => scope.Key,
                        scope => (IReadOnlyList<ResourceSet>)Tampered(scope.Value, change)
                    ),
                }
            );
        }
    }

    /// <summary>Changes the only port of a service.</summary>
    public void Change(string service, Func<MeshServicePort, MeshServicePort> change) =>
        Update(model =>
            model with
            {
                Services = model.Services.SetItem(
                    Name(service),
                    new MeshService(Name(service), [change(model.Services[Name(service)].Ports[0])])
                ),
            }
        );

    /// <summary>Has one route for all requests to a service.</summary>
    public void Route(string service, Func<HttpRoute, HttpRoute> change) =>
        Change(service, port => port with { Routes = [change(To(service))] });

    /// <summary>A route to a service itself.</summary>
    public static HttpRoute To(string service) => new() { Name = "default", Backends = [new WeightedBackend(1, Target(service))] };

    /// <summary>Changes what a pod does with connections that arrive.</summary>
    public void ChangeInbound(string pod, Func<InboundPort, InboundPort> change) =>
        Update(model =>
        {
            var workload = model.Workloads[new WorkloadName(Namespace, pod)];
            var inbound = workload.Inbound with { Ports = [.. workload.Inbound.Ports.Select(change)] };
            return model with { Workloads = model.Workloads.SetItem(workload.Name, workload with { Inbound = inbound }) };
        });

    /// <summary>Adds a service whose endpoints have no proxies: an application for each.</summary>
    public async Task<IReadOnlyList<TestApplication>> AddPlainAsync(
        string service,
        int replicas = 1,
        PortProtocol protocol = PortProtocol.Http
    )
    {
        var applications = new List<TestApplication>();
        var endpoints = new List<MeshEndpoint>();
        for (var i = 0; i < replicas; i++)
        {
            var address = Loopback.Next();
            applications.Add(await ApplicationAsync(replicas == 1 ? service : $"{service}-{i}", address, protocol));
            endpoints.Add(new MeshEndpoint(address, ApplicationPort, null, null));
        }

        AddService(service, protocol, endpoints);
        return applications;
    }

    /// <summary>Adds a service of one pod with a proxy.</summary>
    public async Task<(TestApplication Application, MeshProxy Proxy, string Address)> AddMeshedAsync(
        string service,
        PortProtocol protocol = PortProtocol.Http,
        MtlsMode mode = MtlsMode.Strict
    )
    {
        var (pod, loopback) = (Loopback.Next(), Loopback.Next());
        var application = await ApplicationAsync(service, loopback, protocol);
        AddService(service, protocol, [new MeshEndpoint(pod, ApplicationPort, mode is MtlsMode.Disabled ? null : Identity(service), null)]);
        var proxy = await AddPodAsync(
            service,
            pod,
            new InboundProfile(mode, [new InboundPort(ApplicationPort, protocol, mode)], [])
            {
                Binding = new InboundBinding([pod], loopback),
            }
        );
        return (application, proxy, pod);
    }

    /// <summary>Adds a service of bytes, of one pod with a proxy.</summary>
    public async Task AddBytesAsync(string service, string pod, string loopback, MtlsMode mode = MtlsMode.Strict)
    {
        AddService(service, PortProtocol.Tcp, [new MeshEndpoint(pod, ApplicationPort, Identity(service), null)]);
        await AddPodAsync(
            service,
            pod,
            new InboundProfile(mode, [new InboundPort(ApplicationPort, PortProtocol.Tcp, mode)], [])
            {
                Binding = new InboundBinding([pod], loopback),
            }
        );
    }

    /// <summary>Adds a service.</summary>
    public void AddService(string service, PortProtocol protocol, IEnumerable<MeshEndpoint> endpoints) =>
        Update(model =>
            model with
            {
                Services = model.Services.SetItem(
                    Name(service),
                    new MeshService(
                        Name(service),
                        [
                            new MeshServicePort
                            {
                                Service = Name(service),
                                Port = 80,
                                Protocol = protocol,
                                Addresses =
                                [
                                    string.Create(System.Globalization.CultureInfo.InvariantCulture, $"10.96.0.{model.Services.Count + 1}"),
                                ],
                                Endpoints = [.. endpoints],
                                Routes = [To(service)],
                                TcpBackends = To(service).Backends,
                            },
                        ]
                    )
                ),
            }
        );

    /// <summary>Adds a pod that only calls others; gives a client that calls through its proxy.</summary>
    public async Task<HttpClient> AddClientAsync(
        string name = "client",
        MeshProxyOptions? options = null,
        params LocalServicePort[] localPorts
    )
    {
        var address = Loopback.Next();
        await AddPodAsync(name, address, InboundProfile.Nothing, options, localPorts);
        var client = new HttpClient(
            new SocketsHttpHandler
            {
                Proxy = new WebProxy($"http://{address}:{OutboundPort}"),
                UseProxy = true,
                UseCookies = false,
            }
        )
        {
            Timeout = TimeSpan.FromSeconds(20),
        };
        _clients.Add(client);
        return client;
    }

    /// <summary>Adds a pod that only calls others, through a real Envoy; gives its address.</summary>
    public async Task<string> AddEnvoyAsync(string program, string pod)
    {
        var address = Loopback.Next();
        AddWorkload(pod, address, InboundProfile.Nothing);
        Add(await EnvoyProcess.StartAsync(program, Bootstrap(pod, address), Cancellation));
        using var admin = new HttpClient { BaseAddress = new Uri($"http://{address}:15000") };
        await Eventually.Succeeds(async () => (await admin.GetStringAsync("/ready", Cancellation)).ShouldBe("LIVE\n"));
        return address;
    }

    /// <summary>The address of a pod that was added.</summary>
    public string FindAddress(string pod) => Model.Workloads[new WorkloadName(Namespace, pod)].ExplicitProxy!.Address;

    /// <summary>A proxy that was started.</summary>
    public MeshProxy FindProxy(string pod) => _parts.OfType<MeshProxy>().Last(proxy => proxy.NodeId == $"{pod}.{Namespace}");

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
            client.Dispose();
        await Task.WhenAll(_parts.OfType<MeshProxy>().Select(proxy => proxy.DisposeAsync().AsTask()));
        await Task.WhenAll(_parts.OfType<EnvoyProcess>().Select(envoy => envoy.DisposeAsync().AsTask()));
        await Task.WhenAll(_parts.OfType<TestApplication>().Select(application => application.DisposeAsync().AsTask()));
        if (_server is not null)
            await StopServerAsync();
        Certificates.Dispose();
        _discovery.Dispose();
    }

    /// <summary>The bootstrap of a pod, as the injector makes it, at an address.</summary>
    public JsonObject Bootstrap(string pod, string address) =>
        new()
        {
            ["node"] = new JsonObject { ["id"] = $"{pod}.{Namespace}", ["cluster"] = $"{pod}.{Namespace}" },
            ["layered_runtime"] = new JsonObject
            {
                ["layers"] = new JsonArray(
                    new JsonObject
                    {
                        ["name"] = "mesh-runtime",
                        ["rtds_layer"] = new JsonObject { ["name"] = "mesh-runtime", ["rtds_config"] = OverAds() },
                    }
                ),
            },
            ["admin"] = new JsonObject { ["address"] = SocketAddress(address, 15000) },
            ["dynamic_resources"] = new JsonObject
            {
                ["cds_config"] = OverAds(),
                ["lds_config"] = OverAds(),
                ["ads_config"] = new JsonObject
                {
                    ["api_type"] = "DELTA_GRPC",
                    ["transport_api_version"] = "V3",
                    ["set_node_on_first_message_only"] = true,
                    ["grpc_services"] = new JsonArray(new JsonObject { ["google_grpc"] = _discovery.Connection() }),
                },
            },
        };

    private static JsonObject OverAds() => new() { ["ads"] = new JsonObject(), ["resource_api_version"] = "V3" };

    public static JsonObject SocketAddress(string address, int port) =>
        new()
        {
            ["socket_address"] = new JsonObject { ["address"] = address, ["port_value"] = port },
        };

    public T Add<T>(T part)
        where T : IAsyncDisposable
    {
        lock (_gate)
            _parts.Add(part);
        return part;
    }

    public async Task<TestApplication> ApplicationAsync(string name, string address, PortProtocol protocol) =>
        Add(await TestApplication.StartAsync(name, address, ApplicationPort, protocol is PortProtocol.Http2 or PortProtocol.Grpc));

    private static ResourceSet[] Tampered(IReadOnlyList<ResourceSet> sets, Action<Envoy.Config.Route.V3.RouteConfiguration> change)
    {
        ResourceSet[] result = [.. sets];
        var routes = new List<XdsResource>();
        foreach (var resource in sets[(int)ResourceType.Route].Items)
        {
            var any = Google.Protobuf.WellKnownTypes.Any.Parser.ParseFrom(resource.Any.ToArray());
            var configuration = Envoy.Config.Route.V3.RouteConfiguration.Parser.ParseFrom(any.Value);
            change(configuration);
            routes.Add(XdsResource.Create(ResourceType.Route, resource.Name, configuration));
        }

        result[(int)ResourceType.Route] = ResourceSet.Create(routes);
        return result;
    }

    private async Task<MeshProxy> AddPodAsync(
        string pod,
        string address,
        InboundProfile inbound,
        MeshProxyOptions? options = null,
        params LocalServicePort[] localPorts
    )
    {
        AddWorkload(pod, address, inbound, localPorts);
        var proxy = Add(await MeshProxy.StartAsync(Bootstrap(pod, address), options ?? new MeshProxyOptions(), Cancellation));
        await Eventually.Succeeds(() => proxy.IsReady.ShouldBeTrue(), TimeSpan.FromSeconds(10));
        return proxy;
    }

    private void AddWorkload(string pod, string address, InboundProfile inbound, params LocalServicePort[] localPorts)
    {
        var workload = new MeshWorkload
        {
            Name = new WorkloadName(Namespace, pod),
            ServiceAccount = pod,
            Identity = Identity(pod),
            ExplicitProxy = new ExplicitProxySettings(address, [.. localPorts]) { Inbound = inbound.Binding },
            Inbound = inbound,
        };
        Update(model => model with { Workloads = model.Workloads.SetItem(workload.Name, workload) });
    }
}
