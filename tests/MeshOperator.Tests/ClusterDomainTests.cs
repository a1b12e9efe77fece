using MeshOperator.Settings;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class ClusterDomainTests
{
    [Theory]
    [InlineData(
        "nameserver 10.96.0.10\nsearch mesh-system.svc.corp.example svc.corp.example corp.example\noptions ndots:5\n",
        "corp.example"
    )]
    [InlineData("search mesh-system.svc.cluster.local svc.cluster.local cluster.local\n", "cluster.local")]
    [InlineData("search corp.example\nsearch\tx.svc.a.example  svc.a.example.\n", "a.example")]
    [InlineData("search corp.example svc.\n", "cluster.local")]
    [InlineData("nameserver 10.96.0.10\n", "cluster.local")]
    [InlineData("", "cluster.local")]
    public void The_domain_of_the_cluster_is_what_the_kubelet_writes_for_pods(string resolverConfiguration, string expected) =>
        ClusterDomain.Find(resolverConfiguration).ShouldBe(expected);
}
