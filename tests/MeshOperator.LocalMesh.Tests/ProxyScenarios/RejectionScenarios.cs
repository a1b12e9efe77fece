using MeshOperator.Local.Node;
using MeshOperator.Proxy;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalMeshTests.ProxyScenarios;

/// <summary>Policies that a proxy does not take.</summary>
public abstract class RejectionScenarios(ScenarioMesh mesh) : ProxyScenario(mesh)
{
    public static TheoryData<string> Expressions => [.. SupportedFeatures.Expressions.Select(expression => expression.Example)];

    [Theory]
    [MemberData(nameof(Expressions))]
    public async Task Expression_that_a_proxy_lacks_is_rejected_by_name_and_the_former_routes_stay(string expression)
    {
        await SplitAsync($"rules: [{{backends: [{{service: {Web}}}]}}]");
        var yaml = $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: {{Web}}, namespace: scenarios}
            spec:
              service: {{Web}}
              rules: [{matches: [{path: {type: RegularExpression, value: '{{expression}}'} }], backends: [{service: canary}]}]
            """;

        if (!Mesh.IsBuiltIn)
        {
            await Mesh.Running.ApplyYamlAsync(yaml);
            return;
        }

        var policy = await Mesh.Running.ApplyUnresolvedAsync(yaml);

        policy.Programmed.ShouldBe("False");
        policy.Message.ShouldNotBeNull().ShouldContain(expression);
        policy.Message.ShouldContain("the built-in proxy");
        (await Friend.GetAsync(Url)).Version.ShouldBe("web");
    }
}

/// <summary>What only the built-in proxy rejects.</summary>
[Collection<OnBuiltIn>]
public sealed class BuiltInRejectionScenarios(BuiltInMesh mesh) : RejectionScenarios(mesh)
{
    [Fact]
    public async Task Expressions_that_are_advised_instead_are_taken()
    {
        foreach (var expression in SupportedFeatures.Expressions)
            await SplitAsync(
                $"rules: [{{matches: [{{path: {{type: RegularExpression, value: '{expression.Instead}'}}}}], "
                    + "backends: [{service: canary}]}]"
            );
    }

    [Fact]
    public async Task Pod_that_is_to_reject_says_why_in_the_policys_condition_and_goes_on_as_before()
    {
        const string reason = "no route is good enough";
        await Mesh.Running.ApplyYamlAsync(
            $$"""
            apiVersion: v1
            kind: Pod
            metadata:
              name: stubborn-1
              namespace: scenarios
              labels: {app: stubborn}
              annotations: { {{BuiltInProxies.RejectAnnotation}}: "{{reason}}" }
            spec:
              containers: [{name: app, image: registry.example.com/client:1}]
            """
        );

        var policy = await Mesh.Running.ApplyUnresolvedAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: {{Web}}, namespace: scenarios}
            spec: {service: {{Web}}, backends: [{service: canary}]}
            """
        );

        policy.Programmed.ShouldBe("False");
        policy.Message.ShouldNotBeNull().ShouldContain("stubborn-1");
        policy.Message.ShouldContain(reason);
        (await Friend.GetAsync(Url)).Version.ShouldBe("canary");

        await Mesh.Running.DeletePodAsync("stubborn");
        await Eventually.Succeeds(async () => (await Mesh.Running.ViewAsync()).Policies.ShouldAllBe(policy => policy.Programmed == "True"));
    }
}

[Collection<OnEnvoy>]
public sealed class EnvoyRejectionScenarios(EnvoyMesh mesh) : RejectionScenarios(mesh);
