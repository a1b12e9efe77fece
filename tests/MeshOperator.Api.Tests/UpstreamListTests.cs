using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

public sealed class UpstreamListTests
{
    [Theory]
    [InlineData("web", "shop/web")]
    [InlineData("pay/api, pay/ledger", "pay/api pay/ledger")]
    [InlineData("pay/*,./*", "pay/* shop/*")]
    [InlineData("./web", "shop/web")]
    [InlineData("*", "*/*")]
    [InlineData("", "")]
    public void An_item_names_a_service_a_namespace_or_all(string text, string expected)
    {
        UpstreamList.TryParse(text, "shop", out var items, out _).ShouldBeTrue();
        string.Join(' ', items.Select(i => $"{i.Namespace}/{i.Service}")).ShouldBe(expected);
    }

    [Theory]
    [InlineData("web,Pay/api", "Pay/api")]
    [InlineData("a/b/c", "a/b/c")]
    [InlineData("*/api", "*/api")]
    public void Items_of_no_known_form_are_reported_and_the_rest_is_read(string text, string wrong)
    {
        UpstreamList.TryParse(text, "shop", out _, out var reported).ShouldBeFalse();
        reported.ShouldBe(wrong);
    }
}
