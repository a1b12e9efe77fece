using Envoy.Config.Cluster.V3;
using Envoy.Config.Endpoint.V3;
using Envoy.Config.Route.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using MeshOperator.Xds.Translation;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>The service's own address behind its endpoints.</summary>
public sealed class ServiceAddressTests
{
    private const string Address = "10.96.0.2";
    private const string Resource = "outbound/80/web-v2.shop";
    private static readonly MeshEndpoint Plaintext = new("10.0.2.9", 8080, null, null);

    private static readonly Dictionary<string, Func<MeshServicePort, MeshServicePort>> Without = new()
    {
        ["where its node takes nobody there"] = port => port with { NodeAddress = null },
        ["for TCP"] = port => port with { Protocol = PortProtocol.Tcp },
        ["where a policy says which endpoints are ejected"] = port =>
            port with
            {
                Connection = port.Connection with
                {
                    Breaker = new(null, null, null, null, new(5, 3, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30), 50)),
                },
            },
        ["where a policy says when ejected endpoints are used"] = port =>
            port with
            {
                Balancing = port.Balancing with { PanicPercent = 0 },
            },
        ["where one endpoint takes plaintext and one does not"] = port => port with { Endpoints = [.. port.Endpoints, Plaintext] },
        ["where there are no endpoints"] = port => port with { Endpoints = [] },
        ["where endpoints are chosen by the caller's node"] = port =>
            port with
            {
                Endpoints = [.. port.Endpoints.Select(endpoint => endpoint with { Nodes = ["node-1"] })],
            },
    };

    public static TheoryData<string> Exceptions => [.. Without.Keys];

    [Fact]
    public void Is_a_group_of_its_own_behind_the_endpoints()
    {
        var endpoints = Endpoints(port => port);

        Addresses(endpoints, priority: 0).ShouldBe([("10.0.2.1", 8080u), ("10.0.2.2", 8080u)]);
        Addresses(endpoints, priority: 1).ShouldBe([(Address, 80u)]);
        endpoints.Policy.OverprovisioningFactor.ShouldBe(200u, "half of the endpoints take all requests");
    }

    [Theory]
    [InlineData(Address, 100)]
    [InlineData(null, 50)]
    public void Lets_all_endpoints_be_ejected_that_cannot_be_reached(string? address, uint percent) =>
        new EnvoyTranslator()
            .Translate(Model(port => port with { NodeAddress = address }))
            .Shared[(int)ResourceType.Cluster]
            .Find(Resource)
            .ShouldNotBeNull()
            .Read(Cluster.Parser)
            .OutlierDetection.MaxEjectionPercent.ShouldBe(percent);

    [Fact]
    public void Is_where_a_request_goes_after_as_many_attempts_as_there_are_without_it()
    {
        var with = Retries(port => port);
        var without = Retries(port => port with { NodeAddress = null });

        with.NumRetries.ShouldBe(without.NumRetries + 1);
        with.RetryPriority.Name.ShouldBe("envoy.retry_priorities.previous_priorities");
        without.RetryPriority.ShouldBeNull();
        with.RetryOn.ShouldBe(without.RetryOn);
    }

    [Theory]
    [MemberData(nameof(Exceptions))]
    public void Is_not_behind_endpoints(string where) => Addresses(Endpoints(Without[where]), priority: 1).ShouldBeEmpty();

    [Fact]
    public void That_is_another_one_now_is_sent()
    {
        var translator = new EnvoyTranslator();
        Find(translator.Translate(Model(port => port)));

        var after = Find(translator.Translate(Model(port => port with { NodeAddress = "10.96.0.77" })));

        Addresses(after, priority: 1).ShouldBe([("10.96.0.77", 80u)]);
    }

    private static MeshModel Model(Func<MeshServicePort, MeshServicePort> change) =>
        ShopMesh
            .Model()
            .WithPort(
                "web-v2",
                port => change(port with { NodeAddress = Address, Endpoints = [.. port.Endpoints.Where(e => e.Identity is not null)] })
            );

    private static ClusterLoadAssignment Endpoints(Func<MeshServicePort, MeshServicePort> change) =>
        Find(new EnvoyTranslator().Translate(Model(change)));

    private static ClusterLoadAssignment Find(EnvoyConfiguration configuration) =>
        configuration.Shared[(int)ResourceType.Endpoints].Find(Resource).ShouldNotBeNull().Read(ClusterLoadAssignment.Parser);

    private static RetryPolicy Retries(Func<MeshServicePort, MeshServicePort> change) =>
        new EnvoyTranslator()
            .Translate(Model(change))
            .Shared[(int)ResourceType.Route]
            .Find(Resource)
            .ShouldNotBeNull()
            .Read(RouteConfiguration.Parser)
            .VirtualHosts.ShouldHaveSingleItem()
            .Routes[^1]
            .Route_.RetryPolicy;

    private static IEnumerable<(string Address, uint Port)> Addresses(ClusterLoadAssignment endpoints, uint priority) =>
        endpoints
            .Endpoints.Where(group => group.Priority == priority)
            .SelectMany(group => group.LbEndpoints)
            .Select(member => member.Endpoint.Address.SocketAddress)
            .Select(address => (address.Address, address.PortValue));
}
