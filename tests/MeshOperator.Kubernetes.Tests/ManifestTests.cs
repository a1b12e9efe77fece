using System.Text.Json.Nodes;
using MeshOperator.Kubernetes.Manifests;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

public sealed class ManifestTests
{
    [Fact]
    public void Written_yaml_reads_back_as_the_same_values()
    {
        var json = (JsonObject)JsonNode.Parse("""
            {"apiVersion":"v1","kind":"Thing","text":["true","no","1.5","","~","null","0x1f","-","on: off","# no comment","two\nlines\n"," padded ","2024-01-01","{a}"],
             "number":[1,-2,1.5],"flag":[true,false],"nothing":null,"empty":[{},[]]}
            """)!;
        var read = ManifestReader.Read(ManifestYaml.Write(json)).ShouldHaveSingleItem();
        read.ToJsonString().ShouldBe(json.ToJsonString());
    }

    [Fact]
    public void Keys_that_yaml_would_read_as_something_else_are_quoted() =>
        ManifestYaml.Write(JsonNode.Parse("""{"00":1,"true":2,"name":3,"08:30":4}""")!).ShouldBe("\"00\": 1\n\"true\": 2\nname: 3\n\"08:30\": 4\n");

    [Fact]
    public void Several_documents_and_lists_are_read_in_order()
    {
        var objects = ManifestReader.Read("---\n# only a comment\n---\napiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: B}\n- {apiVersion: v1, kind: C}\n");
        objects.Select(o => (string)o["kind"]!).ShouldBe(["A", "B", "C"]);
    }

    [Fact]
    public void A_file_mode_is_octal_as_in_kubernetes() =>
        ManifestReader.Read("{apiVersion: v1, kind: A, mode: 0644, text: '0644', no: 089}").ShouldHaveSingleItem().ToJsonString()
            .ShouldBe("""{"apiVersion":"v1","kind":"A","mode":420,"text":"0644","no":89}""");

    [Theory]
    [InlineData("a: b: c", "not YAML")]
    [InlineData("a: 1", "lacks apiVersion or kind")]
    [InlineData("- 1", "lacks apiVersion or kind")]
    public void What_is_no_object_is_refused_with_its_line(string text, string reason)
    {
        var error = Should.Throw<ManifestException>(() => ManifestReader.Read(text));
        error.Message.ShouldStartWith("line 1:");
        error.Message.ShouldContain(reason);
    }
}
