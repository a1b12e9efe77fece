using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

/// <summary>Checks of a gradual shift.</summary>
public sealed class ShiftCheckValidatorTests
{
    [Theory]
    [InlineData("judge/check", "'judge/check' is not an address to ask; write for example http://judge/check")]
    [InlineData("ftp://judge/check", "'ftp://judge/check' is not an address to ask; write for example http://judge/check")]
    [InlineData("file:///etc/passwd", "'file:///etc/passwd' is not an address to ask; write for example http://judge/check")]
    [InlineData("http://me:secret@judge/check", "it has a user in it, and nothing is sent with it; leave out what stands before @")]
    [InlineData("http://judge/check#x", "'http://judge/check#x' has a fragment, which no server gets; leave out # and what follows")]
    public void Urls_that_are_never_asked_are_refused(string url, string problem)
    {
        Describe(new ShiftCheck { Webhook = new WebhookCheck { Url = url } }).ShouldBe($"spec.shift.checks[0].webhook.url: {problem}");
        Describe(Prometheus(url)).ShouldBe($"spec.shift.checks[0].prometheus.url: {problem}");
    }

    [Fact]
    public void Query_has_known_placeholders_and_bounds()
    {
        Describe(Prometheus("http://prometheus:9090", "{{ ingress }}"))
            .ShouldStartWith("spec.shift.checks[0].prometheus.query: '{{ ingress }}' stands for nothing; use {{ name }}, ");
        Describe(Prometheus("http://prometheus:9090?x=1"))
            .ShouldStartWith("spec.shift.checks[0].prometheus.url: 'http://prometheus:9090?x=1' has a query of its own");
        Describe(Prometheus("http://prometheus", max: null))
            .ShouldBe("spec.shift.checks[0].prometheus: nothing is compared; set min, max or both");
        Describe(Prometheus("http://prometheus", max: "2%"))
            .ShouldBe("spec.shift.checks[0].prometheus.max: '2%' is not a decimal number; write for example 0.02");
        Describe(Prometheus("http://prometheus", min: "3"))
            .ShouldBe("spec.shift.checks[0].prometheus: min 3 is above max 0.02, so that nothing passes; swap them");
    }

    [Fact]
    public void Interval_and_threshold_have_bounds()
    {
        var check = new ShiftCheck
        {
            Webhook = new WebhookCheck
            {
                Url = "http://judge",
                Interval = "100ms",
                FailureThreshold = 0,
            },
        };

        Describe(check)
            .ShouldBe(
                "spec.shift.checks[0].webhook.interval: '100ms' is not how often a check is asked; write a duration of at least 1s, for "
                    + "example 30s; spec.shift.checks[0].webhook.failureThreshold: 0 is not a number of failed answers; use 1 to 100"
            );
    }

    [Fact]
    public void Check_is_of_one_kind()
    {
        var both = Prometheus("http://prometheus");
        both.Errors = new ErrorsCheck { MaxRatio = 2 };

        Describe(both).ShouldStartWith("spec.shift.checks[0]: set exactly one of ");
        Describe(Prometheus("http://prometheus")).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(101)]
    public void Capacity_needs_a_part_of_the_endpoints(double ratio) =>
        Describe(new ShiftCheck { Capacity = new CapacityCheck { MinRatio = ratio } })
            .ShouldBe(
                $"spec.shift.checks[0].capacity.minRatio: {ratio} is not a part of the endpoints that a share needs; "
                    + "use a number from 0.01 to 100"
            );

    [Fact]
    public void Capacity_and_a_latency_of_the_first_byte_are_checks()
    {
        Describe(new ShiftCheck { Capacity = new CapacityCheck() }).ShouldBeEmpty();
        Describe(
                new ShiftCheck
                {
                    Latency = new LatencyCheck { MaxRatio = 1.2, Of = LatencyPart.FirstByte },
                }
            )
            .ShouldBeEmpty();
    }

    private static ShiftCheck Prometheus(string url, string query = "vector(1)", string? min = null, string? max = "0.02") =>
        new()
        {
            Prometheus = new PrometheusCheck
            {
                Url = url,
                Query = query,
                Min = min,
                Max = max,
            },
        };

    private static string Describe(ShiftCheck check)
    {
        var spec = new TrafficSplitSpec
        {
            Service = "model",
            Backends = [new() { Service = "v1" }, new() { Service = "v2" }],
            Shift = new GradualShift
            {
                To = "v2",
                Steps = [new ShiftStep { Weight = 10 }],
                Checks = [check],
            },
        };
        var result = new TrafficSplitValidator().Validate(spec);
        return result.IsValid ? string.Empty : ValidationText.Describe(result);
    }
}
