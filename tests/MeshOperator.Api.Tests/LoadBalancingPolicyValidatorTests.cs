using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

public sealed class LoadBalancingPolicyValidatorTests
{
    public static TheoryData<LoadBalancingPolicySpec, string> InvalidLoadBalancingPolicies =>
        new()
        {
            {
                new LoadBalancingPolicySpec { TargetRefs = [Service("a")], Method = LoadBalancingMethod.Hash },
                "spec.hash: hash belongs to the method Hash; set both or neither"
            },
            {
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [Service("a")],
                    Hash = new StickySessions { Header = "x-user" },
                },
                "spec.hash: hash belongs to the method Hash; set both or neither"
            },
            {
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [Service("a")],
                    Method = LoadBalancingMethod.Hash,
                    Hash = new StickySessions { Header = "x-user", SourceIP = true },
                },
                "spec.hash: set exactly one of cookie, header and sourceIP"
            },
            {
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [Service("a")],
                    Method = LoadBalancingMethod.Random,
                    SlowStart = new SlowStartSpec { Window = "10s" },
                },
                "spec.slowStart: the methods Random and Hash have no slow start; remove slowStart, or use another method"
            },
            {
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [Service("a")],
                    SlowStart = new SlowStartSpec { Window = "0s" },
                },
                "spec.slowStart.window: '0s' is not above 0; write for example 10s"
            },
            {
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [Service("a")],
                    SlowStart = new SlowStartSpec { Window = "10s", MinWeightPercent = 0 },
                },
                "spec.slowStart.minWeightPercent: 0 is not a part of the share in percent; use a number from 1 to 100"
            },
            {
                new LoadBalancingPolicySpec { TargetRefs = [Service("a")], PanicThreshold = 101 },
                "spec.panicThreshold: 101 is not a percentage; use a number from 0 to 100"
            },
            {
                new LoadBalancingPolicySpec { TargetRefs = [Service("a")], Utilization = new UtilizationSpec() },
                "spec.utilization: utilization is for the method Utilization only; set that method, or remove utilization"
            },
            {
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [Service("a")],
                    Method = LoadBalancingMethod.Utilization,
                    Utilization = new UtilizationSpec { MetricNames = ["kv_cache"], ExpirationPeriod = "0s" },
                },
                "spec.utilization.metricNames[0]: 'kv_cache' is not a metric of load reports; use named_metrics.NAME, utilization.NAME, "
                    + "cpu_utilization, mem_utilization or application_utilization; NAME can be * for all; "
                    + "spec.utilization.expirationPeriod: '0s' is not above 0; write for example 10s"
            },
        };

    [Theory]
    [MemberData(nameof(InvalidLoadBalancingPolicies))]
    public void An_invalid_load_balancing_policy_is_refused_with_field_and_fix(LoadBalancingPolicySpec spec, string message) =>
        ValidationText.Describe(new LoadBalancingPolicyValidator().Validate(spec)).ShouldBe(message);

    private static PolicyTargetReference Service(string name) => new() { Kind = PolicyTargetKind.Service, Name = name };
}
