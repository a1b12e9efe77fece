using MeshOperator.Mesh.Model;
using static MeshOperator.Xds.Tests.Support.ShopMesh;

namespace MeshOperator.Xds.Tests.Support;

/// <summary>The routes of the services of <see cref="ShopMesh"/>.</summary>
internal static class ShopRoutes
{
    public static ValueList<HttpRoute> To(string service, int port) =>
        [new HttpRoute { Name = "default", Backends = [new WeightedBackend(1, new BackendTarget(Name(service), port))] }];

    public static ValueList<HttpRoute> Split(int stable, int canary) =>
        [
            new HttpRoute
            {
                Name = "split",
                Backends =
                [
                    new WeightedBackend(stable, new BackendTarget(Name("web"), 80)),
                    new WeightedBackend(canary, new BackendTarget(Name("web-v2"), 80)),
                ],
                Retry = new RetrySettings
                {
                    Attempts = 2,
                    ConnectionTriggers = [RetryTrigger.ConnectFailure, RetryTrigger.RefusedStream, RetryTrigger.ResetBeforeRequest],
                    ResponseTriggers = [RetryTrigger.GatewayError, RetryTrigger.GrpcUnavailable],
                    BackoffBase = TimeSpan.FromMilliseconds(25),
                    BackoffMax = TimeSpan.FromMilliseconds(250),
                    StatusCodes = [409],
                    Methods = ["GET", "HEAD", "OPTIONS"],
                    PerTryTimeout = TimeSpan.FromSeconds(1),
                    RespectRetryAfter = true,
                    AvoidPreviousHosts = true,
                },
            },
        ];

    public static ValueList<HttpRoute> Pooled() =>
        [
            new HttpRoute
            {
                Name = "empty",
                Match = new HttpMatch { Path = new StringMatch(StringMatchKind.Exact, "/empty") },
                Backends = Split(1, 1)[0].Backends,
                Sticky = new StickySession(StickyKey.Header, "x-user", null),
                Pool = "empty",
            },
            new HttpRoute
            {
                Name = "split",
                Backends = Split(90, 10)[0].Backends,
                Sticky = new StickySession(StickyKey.Cookie, "session", TimeSpan.FromHours(1)),
                Pool = "split",
            },
        ];

    public static ValueList<HttpRoute> HalfMissing() =>
        [
            new HttpRoute
            {
                Name = "default",
                Backends =
                [
                    new WeightedBackend(50, new MissingBackend(MissingReason.ServiceNotFound)),
                    new WeightedBackend(25, new BackendTarget(Name("half"), 80)),
                    new WeightedBackend(25, new BackendTarget(Name("web"), 80)),
                    new WeightedBackend(0, new BackendTarget(Name("web-v2"), 80)),
                ],
            },
        ];

    public static ValueList<HttpRoute> Rules()
    {
        ValueList<WeightedBackend> own = [new WeightedBackend(1, new BackendTarget(Name("rules"), 80))];
        ValueList<WeightedBackend> canary = [new WeightedBackend(1, new BackendTarget(Name("web-v2"), 80))];
        return
        [
            new HttpRoute
            {
                Name = "exact",
                Match = new HttpMatch { Path = new StringMatch(StringMatchKind.Exact, "/exact"), Method = "POST" },
                Backends = canary,
                Retry = new RetrySettings
                {
                    Attempts = 1,
                    ResponseTriggers = [RetryTrigger.ServerError],
                    Methods = ["GET"],
                    ConnectionTriggers = [RetryTrigger.ConnectFailure],
                    BackoffBase = TimeSpan.FromMilliseconds(25),
                    BackoffMax = TimeSpan.FromMilliseconds(250),
                },
            },
            new HttpRoute
            {
                Name = "canary",
                Match = new HttpMatch
                {
                    Path = new StringMatch(StringMatchKind.Prefix, "/api/"),
                    Headers =
                    [
                        new NamedMatch("x-canary", new StringMatch(StringMatchKind.Exact, "true")),
                        new NamedMatch("x-any", new StringMatch(StringMatchKind.Present, "")),
                        new NamedMatch("host", new StringMatch(StringMatchKind.Prefix, "rules")),
                    ],
                    QueryParameters = [new NamedMatch("v", new StringMatch(StringMatchKind.RegularExpression, "[0-9]+"))],
                    Cookies = [new NamedMatch("user", new StringMatch(StringMatchKind.Exact, "a.b"))],
                },
                Backends = canary,
                Mirror = new MirrorTarget(new BackendTarget(Name("web"), 80), 12.5),
                Sticky = new StickySession(StickyKey.Cookie, "session", null),
                RequestTimeout = TimeSpan.FromSeconds(3),
                IdleTimeout = TimeSpan.FromSeconds(30),
                Fault = new FaultInjection(TimeSpan.FromMilliseconds(250), 10, 503, 0.5),
                Headers = new HeaderChanges([new HeaderValue("x-set", "100%")], [new HeaderValue("x-add", "1")], ["x-remove"]),
            },
            new HttpRoute
            {
                Name = "expression",
                Match = new HttpMatch { Path = new StringMatch(StringMatchKind.RegularExpression, "/items/[0-9]+") },
                Backends = canary,
                Sticky = new StickySession(StickyKey.Header, "x-user", null),
            },
            new HttpRoute
            {
                Name = "gone",
                Match = new HttpMatch { Path = new StringMatch(StringMatchKind.Prefix, "/gone") },
                Backends = [new WeightedBackend(1, new MissingBackend(MissingReason.ServiceNotFound))],
            },
            new HttpRoute
            {
                Name = "default",
                Backends = own,
                Sticky = new StickySession(StickyKey.SourceIp, "", null),
            },
        ];
    }
}
