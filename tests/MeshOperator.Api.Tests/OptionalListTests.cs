using k8s;
using MeshOperator.Api.Policies;
using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

/// <summary>What specs mean where they leave a list out.</summary>
public sealed class OptionalListTests
{
    [Theory]
    [InlineData("{}")]
    [InlineData("""{"deny":null,"portModes":null}""")]
    [InlineData("""{"deny":[],"portModes":{}}""")]
    public void Lists_that_mean_the_same_when_omitted_and_empty_are_never_null(string json)
    {
        var spec = KubernetesJson.Deserialize<MtlsPolicySpec>(json);

        spec.Deny.ShouldBeEmpty();
        spec.PortModes.ShouldBeEmpty();
    }

    [Fact]
    public void An_access_rule_that_was_written_with_an_empty_list_is_not_read_as_one_without_it()
    {
        var spec = KubernetesJson.Deserialize<MtlsPolicySpec>("""{"allow":[{"ports":[8080],"identities":[]}]}""");

        new MtlsPolicyValidator().Validate(spec).Errors.ShouldHaveSingleItem().PropertyName.ShouldBe("Allow[0].Identities");
    }

    [Fact]
    public void A_complete_access_rule_names_its_field_and_has_all_lists()
    {
        var rule = MtlsPolicyDefaults.ResolveDeny(new MtlsPolicySpec { Deny = [new AccessRule { Ports = [8080] }] }).ShouldHaveSingleItem();

        rule.Field.ShouldBe("spec.deny[0]");
        rule.Identities.ShouldBeEmpty();
        (rule.IsFor(8080), rule.IsFor(9090), rule.NeedsHttp).ShouldBe((true, false, false));
    }
}
