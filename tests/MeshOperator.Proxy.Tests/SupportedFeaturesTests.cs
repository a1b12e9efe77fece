using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests;

public sealed class SupportedFeaturesTests
{
    /// <summary>A field that is new in the messages is not carried before somebody has thought of it.</summary>
    [Fact]
    public void What_is_done_with_each_field_is_as_it_was_reviewed()
    {
        var path = Path.Combine(Repository.Root, "tests/testdata/proxy/fields.txt");
        var lines = SupportedFeatures.Fields.Select(field => $"{field.Message}.{field.Field}: {field.Use} {field.Note}".TrimEnd());
        var text = string.Join('\n', lines) + "\n";
        if (Environment.GetEnvironmentVariable("MESH_UPDATE_GOLDEN") is not null)
            File.WriteAllText(path, text);
        text.ShouldBe(File.ReadAllText(path));
    }

    [Fact]
    public void The_list_says_what_is_carried_left_and_rejected()
    {
        var fields = SupportedFeatures.Fields.ToLookup(field => $"{field.Message}.{field.Field}");
        fields["envoy.config.route.v3.RouteAction.timeout"].ShouldHaveSingleItem().Use.ShouldBe(FieldUse.Carried);
        fields["envoy.config.route.v3.RouteAction.max_stream_duration"].ShouldHaveSingleItem().Use.ShouldBe(FieldUse.Rejected);
        var left = fields["envoy.config.listener.v3.Listener.socket_options"].ShouldHaveSingleItem();
        left.Use.ShouldBe(FieldUse.WithoutEffect);
        left.Note.ShouldNotBeEmpty();
    }
}
