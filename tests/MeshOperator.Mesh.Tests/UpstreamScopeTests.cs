using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests;

public sealed class UpstreamScopeTests
{
    private static Cluster Annotated(string? pod = null, string? ns = null, bool scoped = false) =>
        Cluster
            .Create("web")
            .With(s =>
                s with
                {
                    IsScopedToNamespace = scoped,
                    Pods = s.Pods.SetItem(
                        new ObjectName("shop", "web-0"),
                        s.Pods[new ObjectName("shop", "web-0")] with
                        {
                            Upstreams = pod,
                        }
                    ),
                    Namespaces = ns is null
                        ? s.Namespaces
                        : s.Namespaces.Add(new ObjectName(string.Empty, "shop"), new NamespaceRecord(ns)),
                }
            );

    private static string? Scope(Cluster cluster) =>
        cluster.Translate().Workload("web").Scope is { } scope ? string.Join(' ', scope.Services) : null;

    [Fact]
    public void By_default_a_proxy_is_sent_the_whole_mesh_or_by_the_setting_its_namespace()
    {
        Scope(Annotated()).ShouldBeNull();
        Scope(Annotated(scoped: true)).ShouldBe("*.shop");
    }

    [Fact]
    public void The_pods_annotation_comes_before_its_namespaces_and_that_before_the_setting()
    {
        Scope(Annotated(ns: "pay/api", scoped: true)).ShouldBe("api.pay");
        Scope(Annotated(pod: "web", ns: "pay/api", scoped: true)).ShouldBe("web.shop");
        Scope(Annotated(pod: "*", scoped: true)).ShouldBeNull();
        Scope(Annotated(pod: "")).ShouldBe("");
    }

    [Fact]
    public void A_list_with_an_item_that_cannot_be_read_is_as_if_it_were_not_there()
    {
        Scope(Annotated(pod: "web.shop")).ShouldBeNull();
        Scope(Annotated(pod: "web,??", scoped: true)).ShouldBe("*.shop");
        Scope(Annotated(pod: "web,??", ns: "pay/api", scoped: true)).ShouldBe("api.pay");
        Scope(Annotated(pod: "web,??", ns: "pay.api", scoped: true)).ShouldBe("*.shop");
        Scope(Annotated(ns: "web.shop")).ShouldBeNull();
    }

    [Theory]
    [InlineData("shop", "web", true)]
    [InlineData("shop", "api", false)]
    [InlineData("pay", "api", true)]
    [InlineData("other", "web", false)]
    public void A_scope_contains_what_it_names_and_all_of_a_namespace(string ns, string name, bool contained) =>
        new UpstreamScope([new ServiceName("shop", "web"), new ServiceName("pay", "*")])
            .Contains(new ServiceName(ns, name))
            .ShouldBe(contained);
}
