using MeshOperator.Api.Authorities;
using MeshOperator.Certificates;
using MeshOperator.Checks.Installation;
using MeshOperator.Injection;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary>What checks find where an API server for tests cannot be brought into the state.</summary>
public sealed class CheckFindingTests
{
    [Theory]
    [InlineData("1.24", "Error", "Kubernetes 1.24 is too old; upgrade the cluster to 1.25 or later")]
    [InlineData("1.28+", "Warning", "Kubernetes 1.28 has no native sidecars")]
    [InlineData("1.29", "Ok", "Kubernetes 1.29, with native sidecars")]
    [InlineData("none", "Warning", "the API server's version cannot be read")]
    public void A_version_is_supported_or_lacks_something(string version, string level, string message) =>
        ShouldBe(KubernetesCheck.Find(KubernetesVersion.Parse(version)), level, message);

    [Theory]
    [InlineData(1, "Ok", "the API server's clock differs from this machine's by 1 s")]
    [InlineData(300, "Warning", "the API server's clock is 300 s ahead of this machine's")]
    [InlineData(-300, "Warning", "the API server's clock is 300 s behind this machine's")]
    public void Clocks_that_differ_by_more_than_two_minutes_are_reported(int seconds, string level, string message) =>
        ShouldBe(ClockCheck.Find(TimeSpan.FromSeconds(seconds)), level, message);

    [Fact]
    public void Rights_that_are_missing_are_listed()
    {
        var missing = RightsCheck.Needed.Where(right => right.Resource is "secrets" or "clusterroles").ToList();
        ShouldBe(
            RightsCheck.Find(missing),
            "Error",
            "this user may not create secrets, create clusterroles.rbac.authorization.k8s.io, "
                + "escalate clusterroles.rbac.authorization.k8s.io; install as a user with the ClusterRole cluster-admin"
        );
    }

    [Fact]
    public void A_trust_bundle_whose_roots_have_expired_is_an_error()
    {
        var now = TimeProvider.System.GetUtcNow();
        var authority = new MeshCertificateAuthority { Status = new MeshCertificateAuthorityStatus() };
        using var root = CertificateAuthority.CreateSelfSigned("cluster.local", TimeProvider.System);
        CertificateCheck.Find(authority, root.TrustBundle, now).ShouldHaveSingleItem().Level.ShouldBe(FindingLevel.Ok);
        ShouldBe(
            CertificateCheck.Find(authority, root.TrustBundle, now.AddYears(100)).ShouldHaveSingleItem(),
            "Error",
            "all roots in the trust bundle have expired; run meshop ca rotate"
        );
        ShouldBe(
            CertificateCheck.Find(authority, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", now).ShouldHaveSingleItem(),
            "Error",
            "the trust bundle cannot be read: "
        );
    }

    [Fact]
    public void Of_many_policies_the_worst_are_named_and_the_others_counted()
    {
        var policies = Enumerable.Range(0, 50).Select(i => new PolicyState($"RateLimit shop/{i:00}", [])).ToList();
        var found = PolicyCheck.Find(policies).ToList();
        found.Count.ShouldBe(21);
        ShouldBe(found[^1], "Warning", "30 more policies are not in effect; list them with kubectl get meshpolicies -A");
    }

    [Fact]
    public void Each_check_has_its_part_of_the_page_that_findings_link_to()
    {
        var page = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "operations", "check.md"));
        var names = typeof(CheckNames).GetFields().Select(field => (string)field.GetValue(null)!);
        page.Where(line => line.StartsWith("## ", StringComparison.Ordinal)).Select(line => line[3..]).ShouldBe(names, ignoreOrder: true);
    }

    private static void ShouldBe(Finding finding, string level, string message)
    {
        finding.Level.ToString().ShouldBe(level);
        finding.Message.ShouldStartWith(message);
    }
}
