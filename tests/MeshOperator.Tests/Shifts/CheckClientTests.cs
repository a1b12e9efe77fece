using System.Collections.Immutable;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Authority;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Settings;
using MeshOperator.Shifts.Asking;
using MeshOperator.Testing;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Shifts;

/// <summary>A check makes the operator call what a user of a namespace wrote. The network is this machine's loopback; the addresses are
/// those that the mesh knows.</summary>
public sealed class CheckClientTests : IAsyncDisposable
{
    private const string Pod = "10.1.0.7";
    private const string ApiServer = "10.96.0.1";
    private const string Judge = "spiffe://cluster.local/ns/shop/sa/judge";

    private readonly List<IPEndPoint> _connected = [];
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly CertificateAuthority _authority = CertificateAuthority.CreateSelfSigned("cluster.local", TimeProvider.System);
    private readonly IdentityIssuer _issuer;
    private SmallServer _server = new(_ => SmallServer.Respond(200, "fine"));
    private CheckHosts _hosts = CheckHosts.None;
    private Queue<string> _resolved = new();
    private string _endpoint = Pod;
    private string? _identity;
    private bool _isRefused;

    public CheckClientTests() => _issuer = new IdentityIssuer(_authority, new LeafSettings(), _time, new Random(1));

    [Theory]
    [InlineData("http://judge/check")]
    [InlineData("http://judge.shop/check")]
    [InlineData("http://judge.shop.svc/check")]
    [InlineData("http://judge.shop.svc.cluster.local:80/check")]
    public async Task Service_of_the_namespace_is_asked_at_its_pod(string url)
    {
        (await AskAsync(url)).Status.ShouldBe(200);

        _connected.ShouldBe([new IPEndPoint(IPAddress.Parse(Pod), 8080)]);
        var request = _server.Requests.ShouldHaveSingleItem();
        request.ShouldStartWith("GET /check HTTP/1.1\r\n");
        request.ShouldContain("User-Agent: meshoperator\r\n");
        foreach (var header in new[] { "authorization", "cookie", "traceparent", "proxy-" })
            request.ShouldNotContain(header, Case.Insensitive);
    }

    [Theory]
    [InlineData("http://judge.other/check")]
    [InlineData("http://judge.other.svc/check")]
    [InlineData("http://example.com/check")]
    [InlineData("http://kubernetes.default.svc:443/api")]
    [InlineData("http://127.0.0.1:8080/metrics")]
    [InlineData("http://169.254.169.254/latest/meta-data")]
    [InlineData("http://[::1]:8080/")]
    [InlineData("http://0177.0.0.1/")]
    [InlineData("http://2130706433/")]
    public async Task Other_namespaces_and_hosts_that_are_not_listed_are_not_asked(string url)
    {
        (await AskAsync(url)).Problem.ShouldNotBeNull().ShouldContain("is not a Service of the namespace shop; name one of its Services");
        _connected.ShouldBeEmpty();
    }

    [Fact]
    public async Task Service_that_is_not_there_or_has_no_such_port_is_named()
    {
        (await AskAsync("http://jury/check")).Problem.ShouldBe("there is no Service shop/jury");
        (await AskAsync("http://judge:81/check")).Problem.ShouldBe("the Service shop/judge has no port 81, but 80");
        (await AskAsync("http://outside/check")).Problem.ShouldNotBeNull().ShouldContain("is only a name for another host");
        _connected.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("10.1.9.9", "no endpoint of the Service shop/judge is a pod of its namespace")]
    [InlineData("127.0.0.1", "no endpoint of the Service shop/judge is a pod of its namespace")]
    [InlineData("10.1.0.66", "no endpoint of the Service shop/judge is a pod of its namespace")]
    [InlineData("10.1.0.8", "10.1.0.8 is the API server's address")]
    [InlineData("169.254.1.1", "169.254.1.1 is a loopback, link-local or special address")]
    public async Task Endpoints_that_a_user_wrote_count_only_where_a_pod_of_the_namespace_is(string endpoint, string problem)
    {
        _endpoint = endpoint;

        (await AskAsync("http://judge/check")).Problem.ShouldBe(problem);
        _connected.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("prometheus.monitoring.svc:9090", "http://prometheus.monitoring:9090", true)]
    [InlineData("prometheus.monitoring.svc:9090", "http://prometheus.monitoring.svc.cluster.local:9090", true)]
    [InlineData("prometheus.monitoring.svc:9090", "http://prometheus.monitoring:9091", false)]
    [InlineData("prometheus.monitoring.svc", "http://prometheus.monitoring:9091", true)]
    [InlineData("judge.example.com", "https://JUDGE.example.com/x", true)]
    [InlineData("judge.example.com", "http://judge.example.com.evil.org/", false)]
    [InlineData("10.0.0.9:80", "http://10.0.0.9/", true)]
    [InlineData("10.0.0.9:80", "http://10.0.0.9:81/", false)]
    [InlineData("[fd00::1]:80", "http://[fd00:0::1]/", true)]
    public void Hosts_are_listed_with_or_without_a_port(string listed, string url, bool isAllowed)
    {
        CheckUrl.TryParse(url, out var parsed, out _).ShouldBeTrue();

        (CheckHosts.Parse(listed).FindRefusal(parsed, "shop") is null).ShouldBe(isAllowed);
    }

    [Theory]
    [InlineData("prometheus")]
    [InlineData("http://prometheus.monitoring")]
    [InlineData("a.b/c")]
    [InlineData("me@a.b")]
    public void What_is_not_a_host_cannot_be_listed(string listed) =>
        Should
            .Throw<FormatException>(() => CheckHosts.Parse(listed))
            .Message.ShouldStartWith($"--shift-check-hosts: '{listed}' is not a host");

    [Fact]
    public async Task Https_to_a_service_of_the_namespace_is_refused() =>
        (await AskAsync("https://judge/check")).Problem.ShouldNotBeNull().ShouldContain("write http, which the mesh encrypts");

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("64:ff9b::7f00:1")]
    [InlineData("0.0.0.0")]
    [InlineData("169.254.169.254")]
    [InlineData("fd00:ec2::254")]
    [InlineData("fe80::1")]
    [InlineData(ApiServer)]
    [InlineData("10.1.0.8")]
    [InlineData("10.9.9.9")]
    public async Task Name_of_a_listed_host_may_not_lead_to_special_addresses_and_the_API_server(string address)
    {
        _hosts = CheckHosts.Parse("judge.example.com");
        _resolved = new([address]);

        (await AskAsync("http://judge.example.com/check")).Problem.ShouldNotBeNull().ShouldContain("leads to where no check may ask");
        _connected.ShouldBeEmpty();
    }

    [Fact]
    public async Task Address_that_is_listed_itself_is_asked_whatever_it_is()
    {
        _hosts = CheckHosts.Parse("127.0.0.1:9090");

        (await AskAsync("http://127.0.0.1:9090/check")).Status.ShouldBe(200);
        _connected.ShouldBe([new IPEndPoint(IPAddress.Loopback, 9090)]);
    }

    [Fact]
    public async Task Name_that_leads_elsewhere_a_moment_later_is_asked_at_the_address_that_was_checked()
    {
        _hosts = CheckHosts.Parse("judge.example.com");
        _resolved = new(["192.0.2.7", "127.0.0.1"]);

        (await AskAsync("http://judge.example.com/check")).Status.ShouldBe(200);
        _connected.ShouldBe([new IPEndPoint(IPAddress.Parse("192.0.2.7"), 80)]);
        _resolved.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Redirect_is_an_answer_and_not_followed()
    {
        await ServeAsync(_ => SmallServer.Respond(302, headers: "location: http://judge/other\r\n"));

        (await AskAsync("http://judge/check")).Status.ShouldBe(302);
        _server.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Answer_that_is_too_large_is_none()
    {
        await ServeAsync(_ => SmallServer.Respond(200, new string('x', (64 * 1024) + 1)));
        (await AskAsync("http://judge/check")).Problem.ShouldBe("the answer is larger than 64 KiB");

        await ServeAsync(_ => SmallServer.Respond(200, new string('x', 64 * 1024)));
        (await AskAsync("http://judge/check")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Answer_that_takes_too_long_is_none()
    {
        await ServeAsync(_ => string.Empty);

        var asking = AskAsync("http://judge/check");
        await Eventually.Succeeds(() => _server.Requests.Count.ShouldBe(1));
        _time.Advance(TimeSpan.FromSeconds(9.9));
        asking.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(0.2));

        (await asking).Problem.ShouldBe("no answer within 10 s");
    }

    [Fact]
    public async Task Server_that_refuses_the_connection_is_no_answer()
    {
        _isRefused = true;

        (await AskAsync("http://judge/check")).Problem.ShouldBe("no answer: Connection refused");
    }

    [Fact]
    public async Task What_is_not_HTTP_is_no_answer_and_not_shown()
    {
        await ServeAsync(_ => "SECRET-BANNER 1.0\r\n\r\n");

        (await AskAsync("http://judge/check")).Problem.ShouldBe("no answer: what it sent is not HTTP");
    }

    [Fact]
    public async Task Server_of_the_mesh_is_asked_by_mutual_TLS_with_the_operators_identity()
    {
        string? caller = null;
        _identity = Judge;
        await ServeAsync(_ => SmallServer.Respond(200), Judge, peer => caller = PeerChain.FindUris(peer).Single());

        (await AskAsync("http://judge/check")).Status.ShouldBe(200);
        caller.ShouldBe("spiffe://cluster.local/ns/mesh-system/sa/mesh-operator");
    }

    [Theory]
    [InlineData("spiffe://cluster.local/ns/shop/sa/other", true)]
    [InlineData(Judge, false)]
    public async Task Server_with_another_identity_or_of_another_authority_gets_no_request(string identity, bool isOfMesh)
    {
        _identity = Judge;
        using var foreign = CertificateAuthority.CreateSelfSigned("cluster.local", TimeProvider.System);
        await ServeAsync(_ => SmallServer.Respond(200), identity, authority: isOfMesh ? null : foreign);

        (await AskAsync("http://judge/check")).Problem.ShouldNotBeNull().ShouldStartWith("no answer: ");
        _server.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Sidecar_that_denies_the_operator_has_not_answered_for_its_application()
    {
        _identity = Judge;
        await ServeAsync(_ => SmallServer.Respond(403, "RBAC: access denied"), Judge);

        (await AskAsync("http://judge/check")).Problem.ShouldBe(
            "its sidecar denies the operator; add an access rule that allows the operator's identity"
        );
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _issuer.Dispose();
        _authority.Dispose();
    }

    private async Task ServeAsync(
        Func<string, string> answer,
        string? identity = null,
        Action<X509Certificate2>? see = null,
        CertificateAuthority? authority = null
    )
    {
        await _server.DisposeAsync();
        _server = new SmallServer(
            answer,
            identity is null ? null : Tls((authority ?? _authority).IssueIdentity(identity, TimeSpan.FromHours(1)), see)
        );
    }

    private static SslServerAuthenticationOptions Tls(IssuedCertificate issued, Action<X509Certificate2>? see)
    {
        using var pem = X509Certificate2.CreateFromPem(issued.CertificateChain, issued.PrivateKey);
        return new SslServerAuthenticationOptions
        {
            ServerCertificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null),
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = (_, peer, _, _) =>
            {
                see?.Invoke((X509Certificate2)peer!);
                return peer is not null;
            },
        };
    }

    private Task<AskReply> AskAsync(string url)
    {
        CheckUrl.TryParse(url, out var parsed, out var problem).ShouldBeTrue(problem);
        var mesh = new MeshAuthority(AuthorityState.Create(_authority.Files, _time.GetUtcNow()), _time);
        var client = new CheckClient(
            new AskNetwork((_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse(_resolved.Dequeue())]), ConnectAsync),
            new AskIdentity(_issuer, mesh, new OperatorOptions()),
            _hosts,
            _time
        );
        return client.AskAsync(Cluster(), "shop", new AskRequest(parsed, parsed.Url, null), 0, TestContext.Current.CancellationToken);
    }

    private async Task<Stream> ConnectAsync(IPEndPoint address, CancellationToken cancellation)
    {
        _connected.Add(address);
        if (_isRefused)
            throw new SocketException((int)SocketError.ConnectionRefused);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_server.Address, cancellation);
        return new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>Pods of two namespaces, one of them on a node of the API server, and a Service whose endpoint is as a test says.</summary>
    private AskedCluster Cluster()
    {
        var port = new MeshServicePort
        {
            Service = new ServiceName("shop", "judge"),
            Port = 80,
            Protocol = PortProtocol.Http,
            Routes = [],
            TcpBackends = [],
            Endpoints = [new MeshEndpoint(_endpoint, 8080, _identity, null)],
        };
        var snapshot = new ClusterSnapshot
        {
            Services = ImmutableDictionary<ObjectName, ServiceRecord>
                .Empty.Add(new("shop", "judge"), new ServiceRecord(["10.96.1.1"], [new("", 80, null)], false))
                .Add(new("shop", "outside"), new ServiceRecord([], [new("", 80, null)], true))
                .Add(new("default", "kubernetes"), new ServiceRecord([ApiServer], [new("https", 443, null)], false)),
            EndpointSlices = ImmutableDictionary<ObjectName, EndpointSliceRecord>.Empty.Add(
                new("default", "kubernetes"),
                new EndpointSliceRecord("kubernetes", [new("https", 6443)], [new(["10.1.0.8"], true, null, null)])
            ),
            Pods = ImmutableDictionary<ObjectName, PodRecord>
                .Empty.Add(new("shop", "judge-0"), At(Pod))
                .Add(new("shop", "on-the-nodes-network"), At("10.1.0.8"))
                .Add(new("shop", "strange"), At("169.254.1.1"))
                .Add(new("other", "victim"), At("10.1.0.66")),
        };
        var served = MeshModel.Empty with { Services = MeshModel.Empty.Services.Add(port.Service, new MeshService(port.Service, [port])) };
        return new AskedCluster(snapshot, served, new AskPlace(new Uri("https://10.9.9.9:6443"), HasLocalPods: false));

        static PodRecord At(string address) => new("judge", true, []) { Address = address };
    }
}
