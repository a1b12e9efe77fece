using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

public sealed class CircuitBreakerValidatorTests
{
    public static TheoryData<CircuitBreakerSpec, string> InvalidCircuitBreakers =>
        new()
        {
            {
                new CircuitBreakerSpec { TargetRefs = [Service("a")] },
                "spec: the circuit breaker sets no limit; set at least one of maxConnections, maxPendingRequests, maxRequests, "
                    + "maxRetries and outlierDetection"
            },
            {
                new CircuitBreakerSpec { TargetRefs = [Service("a")], MaxRequests = 0 },
                "spec.maxRequests: 0 is too small; use at least 1"
            },
            {
                new CircuitBreakerSpec { TargetRefs = [new() { Kind = PolicyTargetKind.TrafficSplit, Name = "a" }], MaxRequests = 1 },
                "spec.targetRefs: a target must be a Service"
            },
            {
                new CircuitBreakerSpec
                {
                    TargetRefs =
                    [
                        new()
                        {
                            Group = "apps",
                            Kind = PolicyTargetKind.Service,
                            Name = "a",
                        },
                    ],
                    MaxRequests = 1,
                },
                "spec.targetRefs: Service 'a' is not of the group 'apps'; write '', or omit the group"
            },
            {
                new CircuitBreakerSpec { TargetRefs = [Service("a"), Service("a")], MaxRequests = 1 },
                "spec.targetRefs: Service 'a' is listed twice; remove one of the two"
            },
            {
                new CircuitBreakerSpec
                {
                    TargetRefs = [Service("a")],
                    OutlierDetection = new() { Consecutive5xx = 0 },
                },
                "spec.outlierDetection.consecutive5xx: no error counts; set consecutive5xx or consecutiveGatewayErrors above 0"
            },
            {
                new CircuitBreakerSpec
                {
                    TargetRefs = [Service("a")],
                    OutlierDetection = new() { Interval = "0s" },
                },
                "spec.outlierDetection.interval: '0s' is not above 0; write for example 10s"
            },
        };

    [Theory]
    [MemberData(nameof(InvalidCircuitBreakers))]
    public void An_invalid_circuit_breaker_is_refused_with_field_and_fix(CircuitBreakerSpec spec, string message) =>
        ValidationText.Describe(new CircuitBreakerValidator().Validate(spec)).ShouldBe(message);

    private static PolicyTargetReference Service(string name) => new() { Kind = PolicyTargetKind.Service, Name = name };
}
