using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using static MeshOperator.Xds.Tests.Support.ShopRoutes;

namespace MeshOperator.Xds.Tests.Support;

/// <summary>A small mesh with one service of each kind, and the changes that tests make to it.</summary>
internal static class ShopMesh
{
    public static readonly PolicyKey WebSplit = new("TrafficSplit", "shop", "web");
    public static readonly PolicyKey WebRetry = new("RetryPolicy", "shop", "web");
    public static readonly PolicyKey ShopMtls = new("MtlsPolicy", "shop", "default");
    public static readonly PolicyKey ShopLimit = new("RateLimit", "shop", "all");

    public const string Node = "web-0.shop";
    public const string StrictNode = "api-0.shop";

    public static MeshModel Model()
    {
        var services = new[]
        {
            Service(
                "web",
                1,
                Port("web", 80, PortProtocol.Http, 1, Split(90, 10), WebSplit) with
                {
                    IsMirror = true,
                    ClusterPolicies = [WebRetry],
                    Connection = new(
                        Breaker: new(100, 10, 200, 5, new OutlierDetection(5, 3, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30), 50))
                    ),
                }
            ),
            Service("web-v2", 2, Port("web-v2", 80, PortProtocol.Http, 2, To("web-v2", 80))),
            Service(
                "api",
                3,
                Port("api", 8443, PortProtocol.Grpc, 3, To("api", 8443)),
                Port("api", 8080, PortProtocol.Http2, 3, To("api", 8080))
            ),
            Service(
                "db",
                4,
                Port("db", 5432, PortProtocol.Tcp, 4, To("db", 5432)) with
                {
                    Connection = new(IdleTimeout: TimeSpan.FromHours(1)),
                }
            ),
            Service("legacy", 5, Port("legacy", 9000, PortProtocol.Detect, 5, To("legacy", 9000))),
            Service("peers", 0, Port("peers", 7000, PortProtocol.Http, 6, To("peers", 7000)) with { Addresses = [], IsHeadless = true }),
            Service(
                "quorum",
                0,
                Port("quorum", 2380, PortProtocol.Tcp, 12, To("quorum", 2380)) with
                {
                    Addresses = [],
                    IsHeadless = true,
                    Endpoints = [new MeshEndpoint("10.0.12.1", 2380, Identity("quorum"), null) { OtherAddress = "fd00::12:1" }],
                }
            ),
            Service(
                "both",
                10,
                Port("both", 80, PortProtocol.Detect, 10, To("both", 80)) with
                {
                    Addresses = ["10.96.0.10", "fd00:96::10"],
                }
            ),
            Service(
                "pooled",
                11,
                Port("pooled", 80, PortProtocol.Http, 11, Pooled()) with
                {
                    Pools =
                    [
                        new StickyPool(
                            "split",
                            [
                                new PoolMember(new MeshEndpoint("10.0.1.1", 8080, Identity("web"), null), 900_000),
                                new PoolMember(new MeshEndpoint("10.0.2.1", 8080, Identity("web-v2"), null), 100_000),
                            ]
                        ),
                        new StickyPool("empty", []),
                    ],
                }
            ),
            Service("half", 7, Port("half", 80, PortProtocol.Http, 7, HalfMissing())),
            Service("rules", 8, Port("rules", 80, PortProtocol.Http, 8, Rules())),
        };
        return new MeshModel(
            "cluster.local",
            services.ToImmutableSortedDictionary(service => service.Name, service => service),
            new[]
            {
                Workload("web-0", "web", Permissive),
                Workload("web-1", "web", Permissive),
                Workload("api-0", "api", Strict),
                Workload("db-0", "db", Disabled),
                Workload("guarded-0", "guarded", Guarded),
                Workload("both-0", "both", Ipv6),
            }.ToImmutableDictionary(workload => workload.Name)
        );
    }

    public static ServiceName Name(string service) => new("shop", service);

    public static MeshModel WithService(this MeshModel model, MeshService service) =>
        model with
        {
            Services = model.Services.SetItem(service.Name, service),
        };

    public static MeshModel WithPort(this MeshModel model, string service, Func<MeshServicePort, MeshServicePort> change)
    {
        var old = model.Services[Name(service)];
        return model.WithService(old with { Ports = [change(old.Ports[0]), .. old.Ports.Skip(1)] });
    }

    public static MeshModel WithWebWeights(this MeshModel model, int stable, int canary) =>
        model.WithPort("web", port => port with { Routes = Split(stable, canary) });

    public static MeshModel WithoutService(this MeshModel model, string service) =>
        model with
        {
            Services = model.Services.Remove(Name(service)),
        };

    public static MeshService Extra() => Service("extra", 9, Port("extra", 80, PortProtocol.Http, 9, To("extra", 80)));

    public static MeshWorkload Workload(string pod, string account, InboundProfile profile) =>
        new()
        {
            Name = new WorkloadName("shop", pod),
            ServiceAccount = account,
            Identity = Identity(account),
            Inbound = profile,
        };

    public static InboundProfile Permissive { get; } =
        new(
            MtlsMode.Permissive,
            [
                new InboundPort(5432, PortProtocol.Tcp, MtlsMode.Permissive),
                new InboundPort(8080, PortProtocol.Http, MtlsMode.Permissive) { Limits = Limits },
                new InboundPort(8443, PortProtocol.Grpc, MtlsMode.Strict),
                new InboundPort(9000, PortProtocol.Detect, MtlsMode.Permissive),
                new InboundPort(9001, PortProtocol.Detect, MtlsMode.Strict),
                new InboundPort(9090, PortProtocol.Http, MtlsMode.Disabled),
                new InboundPort(9091, PortProtocol.Detect, MtlsMode.Disabled)
                {
                    Limits = [new RequestLimit(ShopLimit, 0, 90, TimeSpan.FromMinutes(1), 10, HttpMatch.All)],
                },
            ],
            []
        );

    private static ValueList<RequestLimit> Limits =>
        [
            new RequestLimit(ShopLimit, 0, 90, TimeSpan.FromMinutes(1), 10, HttpMatch.All),
            new RequestLimit(
                ShopLimit,
                1,
                5,
                TimeSpan.FromSeconds(1),
                5,
                new HttpMatch
                {
                    Path = new StringMatch(StringMatchKind.Prefix, "/api"),
                    Method = "POST",
                    Headers = [new NamedMatch("x-tenant", new StringMatch(StringMatchKind.Exact, "free"))],
                }
            ),
            new RequestLimit(
                ShopLimit,
                2,
                1000,
                TimeSpan.FromDays(1),
                1,
                new HttpMatch { Path = new StringMatch(StringMatchKind.RegularExpression, "/v[0-9]+/score") }
            ),
        ];

    public static InboundProfile Strict { get; } =
        new(
            MtlsMode.Strict,
            [new InboundPort(8080, PortProtocol.Http2, MtlsMode.Strict), new InboundPort(8443, PortProtocol.Grpc, MtlsMode.Strict)],
            [ShopMtls]
        );

    public static InboundProfile Ipv6 { get; } =
        new(MtlsMode.Strict, [new InboundPort(8080, PortProtocol.Http, MtlsMode.Strict)], []) { HasIpv6 = true };

    public static InboundProfile Disabled { get; } =
        new(MtlsMode.Disabled, [new InboundPort(5432, PortProtocol.Tcp, MtlsMode.Disabled)], []);

    /// <summary>Web may GET /api, but not what is below /api/admin; the database's port is for the API alone; 9000 only counts.</summary>
    public static InboundProfile Guarded { get; } =
        new(
            MtlsMode.Strict,
            [
                new InboundPort(
                    5432,
                    PortProtocol.Tcp,
                    MtlsMode.Strict,
                    new AccessPolicy(
                        true,
                        [
                            new AccessRule
                            {
                                Callers =
                                [
                                    [Exactly("api")],
                                ],
                            },
                        ],
                        [],
                        false
                    )
                ),
                new InboundPort(8080, PortProtocol.Http, MtlsMode.Permissive, ApiOnly with { AuditOnly = false }),
                new InboundPort(9000, PortProtocol.Http, MtlsMode.Permissive, ApiOnly),
            ],
            []
        )
        {
            DefaultAccess = new AccessPolicy(true, [], [], false),
            Tls = new TlsBounds(true, []),
        };

    private static AccessPolicy ApiOnly =>
        new(
            true,
            [
                new AccessRule
                {
                    Callers =
                    [
                        [Exactly("web"), Exactly("api")],
                    ],
                    Methods = ["GET"],
                    Paths = [new StringMatch(StringMatchKind.Prefix, "/api")],
                },
            ],
            [
                new AccessRule
                {
                    Callers =
                    [
                        [new StringMatch(StringMatchKind.Prefix, "spiffe://cluster.local/ns/shop/")],
                        [Exactly("web")],
                    ],
                    Paths = [new StringMatch(StringMatchKind.Prefix, "/api/admin")],
                },
            ],
            true
        );

    private static StringMatch Exactly(string account) => new(StringMatchKind.Exact, Identity(account));

    public static string Identity(string account) => $"spiffe://cluster.local/ns/shop/sa/{account}";

    private static MeshService Service(string name, int index, params MeshServicePort[] ports) => new(Name(name), [.. ports]);

    private static MeshServicePort Port(
        string service,
        int port,
        PortProtocol protocol,
        int index,
        ValueList<HttpRoute> routes,
        params PolicyKey[] policies
    ) =>
        new()
        {
            Service = Name(service),
            Port = port,
            Protocol = protocol,
            Addresses = [$"10.96.0.{index}"],
            Endpoints =
            [
                new MeshEndpoint($"10.0.{index}.1", 8080, Identity(service), "zone-a"),
                new MeshEndpoint($"10.0.{index}.2", 8080, Identity(service), "zone-b"),
                new MeshEndpoint($"10.0.{index}.3", 8080, null, null),
            ],
            Routes = routes,
            TcpBackends = routes[^1].Backends,
            Connection = new ConnectionSettings(Budget: new RetryBudget(20, 3)),
            RoutePolicies = [.. policies],
        };
}
