using System.Reflection;
using NetArchTest.Rules;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary>References between the projects point one way.</summary>
public sealed class HouseRules
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["MeshOperator.Kubernetes"] = [],
        ["MeshOperator.Certificates"] = [],
        ["MeshOperator.LocalCluster"] = [],
        ["MeshOperator.Api"] = ["MeshOperator.Kubernetes"],
        ["MeshOperator.Mesh"] = ["MeshOperator.Api", "MeshOperator.Kubernetes"],
        ["MeshOperator.Xds"] = ["MeshOperator.Mesh", "MeshOperator.Api"],
        ["MeshOperator.Injection"] = ["MeshOperator.Api"],
    };

    public static TheoryData<string> Projects => [.. Allowed.Keys];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_uses_only_what_stands_below_it(string project)
    {
        var references = Assembly.Load(project).GetReferencedAssemblies().Select(a => a.Name!).Where(n => n.StartsWith("MeshOperator", StringComparison.Ordinal) || n == "meshop");
        references.Except(Allowed[project]).ShouldBeEmpty();
    }

    [Fact]
    public void The_mesh_knows_neither_kubernetes_clients_nor_envoy()
    {
        var result = Types.InAssembly(Assembly.Load("MeshOperator.Mesh"))
            .ShouldNot().HaveDependencyOnAny("k8s", "Envoy", "Google.Protobuf", "Grpc", "MeshOperator.Kubernetes.Client", "MeshOperator.Kubernetes.Informers")
            .GetResult();
        result.IsSuccessful.ShouldBeTrue(string.Join(", ", result.FailingTypeNames ?? []));
    }

    [Fact]
    public void Only_the_host_knows_serilog()
    {
        foreach (var project in Allowed.Keys)
            Assembly.Load(project).GetReferencedAssemblies().ShouldNotContain(a => a.Name!.StartsWith("Serilog", StringComparison.Ordinal), project);
    }
}
