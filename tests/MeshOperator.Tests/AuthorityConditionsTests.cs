using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Authority;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class AuthorityConditionsTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly CertificateAuthorityFiles Files = new("certificate", "key", "");

    [Theory]
    [InlineData(3650, 31, "False", "NotExpiring")]
    [InlineData(3650, 29, "True", "ExpiresWithin30Days")]
    [InlineData(3650, 6, "True", "ExpiresWithin7Days")]
    [InlineData(3650, -1, "True", "Expired")]
    [InlineData(30, 15, "False", "NotExpiring")]
    [InlineData(30, 9, "True", "ExpiresWithin30Days")]
    [InlineData(30, 2, "True", "ExpiresWithin7Days")]
    [InlineData(1, 0.5, "False", "NotExpiring")]
    public void A_certificate_near_its_end_is_reported_in_proportion_to_its_life(double life, double left, string status, string reason)
    {
        var condition = Condition(Status(Root(life, left)), "ExpiringSoon");
        (condition.Status, condition.Reason).ShouldBe((status, reason));
        condition.Message.ShouldContain(Now.AddDays(left).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public void The_nearest_of_several_is_named_with_what_to_do()
    {
        var found = Found(Root(3650, 3000)) with
        {
            Certificates = [Root(3650, 3000), new WatchedCertificate("intermediate", Now.AddDays(-360), Now.AddDays(5), "ab")],
            IsOwn = false,
        };
        var message = Condition(AuthorityConditions.Status(found, 1, null, Now), "ExpiringSoon").Message;
        message.ShouldBe(
            "The intermediate certificate expires at 2026-01-06T12:00:00Z. Put a new authority into Secret mesh-ca of the operator's "
                + "namespace."
        );
    }

    [Fact]
    public void The_webhooks_certificate_does_not_count_as_the_end_of_the_authority()
    {
        var found = Found(Root(3650, 3000)) with
        {
            Certificates = [Root(3650, 3000), new WatchedCertificate("webhook", Now, Now.AddDays(30), "ab")],
        };
        var status = AuthorityConditions.Status(found, 1, null, Now);
        var condition = Condition(status, "ExpiringSoon");

        (condition.Status, condition.Message).ShouldBe(
            ("False", $"Of the certificate authority, the root certificate is the first to expire, at {status.NotAfter}.")
        );
    }

    [Fact]
    public void Clocks_that_disagree_are_distinguished_from_certificates_that_expired()
    {
        var found = Found(Root(3650, -1)) with
        {
            ClockDifference = TimeSpan.FromHours(-48),
            Refusal = ("InvalidSecret", "tls.crt expired at 2025-12-31."),
        };
        var status = AuthorityConditions.Status(found, 1, null, Now);
        Condition(status, "ClocksAgree").Status.ShouldBe("False");
        Condition(status, "ClocksAgree").Message.ShouldStartWith("The API server's clock is 2880 minutes behind the operator's.");
        Condition(status, "ExpiringSoon").Message.ShouldContain("The API server's clock is 2880 minutes behind the operator's.");
        Condition(status, "Accepted")
            .Message.ShouldBe(
                "tls.crt expired at 2025-12-31. The API server's clock is 2880 minutes behind the operator's. The present authority "
                    + "stays in use."
            );
        Condition(AuthorityConditions.Status(found with { ClockDifference = TimeSpan.FromSeconds(90) }, 1, null, Now), "ClocksAgree")
            .Status.ShouldBe("True");
    }

    [Fact]
    public void A_rotation_that_is_held_names_ten_and_says_how_many_more()
    {
        var held = Enumerable.Range(10, 15).Select(i => new RotationHold($"web-{i}.shop", "is not connected")).ToList();
        var state = AuthorityState.Create(Files, Now) with { Phase = RotationPhase.Signing };
        var status = AuthorityConditions.Status(
            Found(Root(3650, 3000)) with
            {
                State = state,
                Progress = new RotationProgress(5, 20, held),
            },
            1,
            null,
            Now
        );
        status.Holding.ShouldNotBeNull().Count.ShouldBe(10);
        status.ProxiesTrusting.ShouldBe("5/20");
        Condition(status, "Progressing")
            .Message.ShouldBe(
                "5 of 20 proxies have a certificate from the new authority. Waiting because web-10.shop is not connected; web-11.shop "
                    + "is not connected; web-12.shop is not connected; and 12 more."
            );
    }

    [Fact]
    public void An_event_is_written_when_something_becomes_bad_or_a_phase_begins_and_not_again()
    {
        var calm = Status(Root(3650, 3000));
        AuthorityConditions.Events(calm, null).ShouldBeEmpty();
        var warned = AuthorityConditions.Status(Found(Root(3650, 29)), 1, calm, Now);
        AuthorityConditions
            .Events(warned, calm)
            .ShouldHaveSingleItem()
            .ShouldSatisfyAllConditions(e => e.IsWarning.ShouldBeTrue(), e => e.Reason.ShouldBe("ExpiringSoon"));
        AuthorityConditions.Events(warned, warned).ShouldBeEmpty();
        var worse = AuthorityConditions.Status(Found(Root(3650, 5)), 1, warned, Now);
        AuthorityConditions.Events(worse, warned).ShouldHaveSingleItem();
        var rotating = AuthorityConditions.Status(
            Found(Root(3650, 3000)) with
            {
                State = AuthorityState.Create(Files, Now) with { Phase = RotationPhase.Retiring },
            },
            1,
            calm,
            Now
        );
        AuthorityConditions
            .Events(rotating, calm)
            .ShouldHaveSingleItem()
            .ShouldSatisfyAllConditions(e => e.IsWarning.ShouldBeFalse(), e => e.Reason.ShouldBe("Retiring"));
    }

    [Fact]
    public void A_replicas_report_says_who_is_done_and_names_some_who_are_not()
    {
        var proxies = Enumerable.Range(0, 1000).ToDictionary(i => $"web-{i}.shop", i => i < 30 ? "has not acknowledged" : null);
        var text = ReplicaReport.Create(7, proxies).ToString();
        text.Length.ShouldBeLessThan(16 * 1024);
        var report = ReplicaReport.Parse(text).ShouldNotBeNull();
        report.Epoch.ShouldBe(7);
        foreach (var (node, reason) in proxies)
            report.IsDone(node).ShouldBe(reason is null, node);
        report.Waiting.Count.ShouldBe(20);
        report.Waiting["web-0.shop"].ShouldBe("has not acknowledged");
        // The status names the first of all, so each replica must report its first, whatever their order was.
        ReplicaReport.Create(7, proxies.Reverse()).Waiting.Keys.ShouldBe(proxies.Keys.Take(30).Order(StringComparer.Ordinal).Take(20));
        ReplicaReport.Parse("something else").ShouldBeNull();
    }

    private static MeshCertificateAuthorityStatus Status(WatchedCertificate certificate) =>
        AuthorityConditions.Status(Found(certificate), 1, null, Now);

    private static AuthorityFindings Found(WatchedCertificate certificate) =>
        new(AuthorityState.Create(Files, Now), new RotationProgress(0, 0, []), null, [certificate], TimeSpan.Zero, IsOwn: true, null);

    private static WatchedCertificate Root(double life, double left) => new("root", Now.AddDays(left - life), Now.AddDays(left), "ab");

    private static PolicyCondition Condition(MeshCertificateAuthorityStatus status, string type) =>
        status.Conditions.Single(c => c.Type == type);
}
