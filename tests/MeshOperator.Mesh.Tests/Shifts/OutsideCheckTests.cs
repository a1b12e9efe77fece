using System.Text;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests.Shifts;

/// <summary>What follows from answers that come from outside of the mesh.</summary>
public sealed class OutsideCheckTests
{
    private static readonly CheckAnswer Good = new(ShiftOutcome.Pass, "0.01");
    private static readonly CheckAnswer Bad = new(ShiftOutcome.Fail, "0.03, max 0.02");
    private static readonly CheckAnswer Silent = new(ShiftOutcome.Inconclusive, "no answer within 10 s");

    [Fact]
    public void One_failed_answer_is_inconclusive_and_three_in_a_row_fail()
    {
        Judge(Bad).ShouldBe(new ShiftVerdict(ShiftOutcome.Inconclusive, "prometheus: 0.03, max 0.02, 1 of 3 failed answers in a row"));
        Judge(Bad, Bad).Outcome.ShouldBe(ShiftOutcome.Inconclusive);
        Judge(Bad, Bad, Bad).ShouldBe(new ShiftVerdict(ShiftOutcome.Fail, "prometheus: 0.03, max 0.02, 3 times in a row"));
    }

    [Fact]
    public void Good_answer_begins_the_row_again_and_no_answer_neither_ends_nor_lengthens_it()
    {
        Judge(Bad, Bad, Good, Bad).Outcome.ShouldBe(ShiftOutcome.Inconclusive);
        Judge(Bad, Bad, Good).ShouldBe(new ShiftVerdict(ShiftOutcome.Pass, "prometheus: 0.01"));
        Judge(Bad, Bad, Silent).ShouldBe(new ShiftVerdict(ShiftOutcome.Inconclusive, "prometheus: no answer within 10 s"));
        Judge(Bad, Silent, Bad, Silent, Silent, Bad).Outcome.ShouldBe(ShiftOutcome.Fail);
        Judge(Silent, Silent, Silent, Silent).Outcome.ShouldBe(ShiftOutcome.Inconclusive);
    }

    [Fact]
    public void Nothing_is_known_before_the_first_answer() =>
        Judge().ShouldBe(new ShiftVerdict(ShiftOutcome.Inconclusive, "prometheus: not asked yet"));

    [Theory]
    [InlineData("""{"resultType":"scalar","result":[1,"0.02"]}""", ShiftOutcome.Pass, "0.02")]
    [InlineData("""{"resultType":"vector","result":[{"metric":{},"value":[1,"0.011"]}]}""", ShiftOutcome.Pass, "0.011")]
    [InlineData("""{"resultType":"vector","result":[{"metric":{},"value":[1,"0.021"]}]}""", ShiftOutcome.Fail, "0.021, max 0.02")]
    [InlineData("""{"resultType":"vector","result":[{"metric":{},"value":[1,"-1"]}]}""", ShiftOutcome.Fail, "-1, min 0")]
    [InlineData("""{"resultType":"scalar","result":[1,"+Inf"]}""", ShiftOutcome.Fail, "+Inf, max 0.02")]
    [InlineData("""{"resultType":"scalar","result":[1,"1e-3"]}""", ShiftOutcome.Pass, "1e-3")]
    [InlineData("""{"resultType":"scalar","result":[1,"0.010000000000000000000000000000000"]}""", ShiftOutcome.Pass, "0.01")]
    [InlineData(
        """{"resultType":"scalar","result":[1,"NaN"]}""",
        ShiftOutcome.Inconclusive,
        "the result of the query is NaN, which is not a number; perhaps there was no traffic"
    )]
    [InlineData("""{"resultType":"vector","result":[]}""", ShiftOutcome.Inconclusive, "the query has no result")]
    [InlineData(
        """{"resultType":"vector","result":[{"value":[1,"0"]},{"value":[1,"0"]}]}""",
        ShiftOutcome.Inconclusive,
        "the query has 2 results; aggregate them to one, for example by sum"
    )]
    [InlineData(
        """{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}""",
        ShiftOutcome.Inconclusive,
        "the result of the query is not a number; use one with a scalar or a vector as its result"
    )]
    [InlineData(
        """{"resultType":"string","result":[1,"fine"]}""",
        ShiftOutcome.Inconclusive,
        "the result of the query is not a number; use one with a scalar or a vector as its result"
    )]
    public void Result_of_a_query_is_compared_if_it_is_one_number(string data, ShiftOutcome outcome, string text) =>
        Read(200, $$"""{"status":"success","data":{{data}}}""").ShouldBe(new CheckAnswer(outcome, text));

    [Theory]
    [InlineData(
        400,
        """{"status":"error","errorType":"bad_data","error":"parse error:\nunexpected }"}""",
        "it answered 400, bad_data: parse error: unexpected }"
    )]
    [InlineData(302, "", "it answered 302, and redirects are not followed")]
    [InlineData(200, "<html>", "it answered 200 and something other than Prometheus does; check the url")]
    [InlineData(404, "{}", "it answered 404 and something other than Prometheus does; check the url")]
    [InlineData(200, """{"data":{"resultType":"scalar","result":[1]}}""", null)]
    [InlineData(200, """{"data":{"resultType":"scalar","result":[1,"x"]}}""", null)]
    [InlineData(200, """[]""", null)]
    public void What_cannot_be_read_is_inconclusive(int status, string body, string? text)
    {
        var answer = Read(status, body);

        answer.Outcome.ShouldBe(ShiftOutcome.Inconclusive);
        answer.Text.ShouldBe(text ?? "it answered 200 and something other than Prometheus does; check the url");
    }

    [Fact]
    public void Placeholders_are_filled_in_as_in_templates_of_Flagger()
    {
        var names = new QueryPlaceholders("model", "serving", "model", "v2", "v1|v0", "30s");

        names
            .Fill(
                "sum(rate(errors{ns=\"{{ namespace }}\",app=\"{{target}}\"}[{{ interval }}])) / x{app=~\"{{ source }}\",s=\"{{service}}\"}"
            )
            .ShouldBe("sum(rate(errors{ns=\"serving\",app=\"v2\"}[30s])) / x{app=~\"v1|v0\",s=\"model\"}");
        QueryPlaceholders.FindUnknown("x{a=\"{{ ingress }}\"}").ShouldBe("{{ ingress }}");
        QueryPlaceholders.FindUnknown("{{ name }}").ShouldBeNull();
    }

    [Fact]
    public void Answers_decide_together_with_what_was_counted()
    {
        var wanted = new GradualShift { To = "v2", Checks = [Webhook, new ShiftCheck { SuccessRate = new SuccessRateCheck { Min = 99 } }] };
        var passed = new Dictionary<int, CheckAnswers> { [0] = CheckAnswers.None.Add(Good) };
        var counted = new ShiftSample(new ShiftCounts(1000, 0), new ShiftCounts(1000, 0), null);

        ShiftJudge.Judge(wanted, 50, counted).Reason.ShouldStartWith("webhook: not asked yet; successRate 100.00%");
        ShiftJudge.Judge(wanted, 50, counted with { Answers = passed }).Outcome.ShouldBe(ShiftOutcome.Pass);
        ShiftJudge
            .Judge(wanted, 50, new ShiftSample(new ShiftCounts(20, 0), default, null) { Answers = passed })
            .Reason.ShouldStartWith("20 of 500 requests; webhook: 0.01; ");
    }

    [Fact]
    public void Split_of_bytes_is_judged_by_what_is_asked_alone()
    {
        var sample = new ShiftSample(default, default, "no requests are counted")
        {
            IsCounted = false,
            Answers = new Dictionary<int, CheckAnswers> { [0] = CheckAnswers.None.Add(Good) },
        };

        ShiftJudge.Judge(new GradualShift { To = "v2", Checks = [Webhook] }, 50, sample).Outcome.ShouldBe(ShiftOutcome.Pass);
        ShiftJudge
            .Judge(
                new GradualShift { To = "v2", Checks = [Webhook, new ShiftCheck { SuccessRate = new SuccessRateCheck { Min = 99 } }] },
                50,
                sample
            )
            .Outcome.ShouldBe(ShiftOutcome.Inconclusive);
    }

    private static ShiftCheck Webhook => new() { Webhook = new WebhookCheck { Url = "http://judge/check" } };

    private static ShiftVerdict Judge(params CheckAnswer[] answers) =>
        answers.Aggregate(CheckAnswers.None, (all, answer) => all.Add(answer)).Judge("prometheus", 3);

    private static CheckAnswer Read(int status, string body) =>
        PrometheusAnswer.Read(new PrometheusCheck { Min = "0", Max = "0.02" }, status, Encoding.UTF8.GetBytes(body));
}
