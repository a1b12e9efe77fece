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
        var json = (JsonObject)
            JsonNode.Parse(
                """
                {"apiVersion":"v1","kind":"Thing","text":["true","no","1.5","","~","null","0x1f","-","on: off","# no comment",
                "two\nlines\n"," padded ","2024-01-01","{a}"],
                 "number":[1,-2,1.5],"flag":[true,false],"nothing":null,"empty":[{},[]]}
                """
            )!;
        var read = ManifestReader.Read(ManifestYaml.Write(json)).ShouldHaveSingleItem();
        read.ToJsonString().ShouldBe(json.ToJsonString());
    }

    [Fact]
    public void Keys_that_yaml_would_read_as_something_else_are_quoted() =>
        ManifestYaml
            .Write(JsonNode.Parse("""{"00":1,"true":2,"name":3,"08:30":4}""")!)
            .ShouldBe("\"00\": 1\n\"true\": 2\nname: 3\n\"08:30\": 4\n");

    [Fact]
    public void Several_documents_and_lists_are_read_in_order()
    {
        var objects = ManifestReader.Read(
            "---\n# only a comment\n---\napiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: "
                + "B}\n- {apiVersion: v1, kind: C}\n"
        );
        objects.Select(o => (string)o["kind"]!).ShouldBe(["A", "B", "C"]);
    }

    [Fact]
    public void A_file_mode_is_octal_as_in_kubernetes() =>
        ManifestReader
            .Read("{apiVersion: v1, kind: A, mode: 0644, text: '0644', odd: 089}")
            .ShouldHaveSingleItem()
            .ToJsonString()
            .ShouldBe("""{"apiVersion":"v1","kind":"A","mode":420,"text":"0644","odd":89}""");

    /// <summary>As kubectl 1.33 has it with <c>create --dry-run=client -o json</c>.</summary>
    [Theory]
    [InlineData("[y, n, Y, yes, YES, on, ON, off, no]", "[true,false,true,true,true,true,true,false,false]")]
    [InlineData("[0x1F, 0b101, -0b1, 1_000, -0755, 0o400, 08, 0_8, 1__0]", "[31,5,-1,1000,-493,256,8,8,10]")]
    [InlineData(
        "[1e3, .5, 5., +5, 1.0, 9223372036854775808, -9223372036854775808]",
        "[1000,0.5,5,5,1,9223372036854775808,-9223372036854775808]"
    )]
    [InlineData(
        "[2001-01-01, '12:30', 12:30:45, 0.1.2, 0x, ., 1E400, _1]",
        "[\"2001-01-01\",\"12:30\",\"12:30:45\",\"0.1.2\",\"0x\",\".\",\"1E400\",\"_1\"]"
    )]
    [InlineData(
        "[!!str 8080, !!int '7', !!float 3, !!bool 'yes', !!binary aGVsbG8=, ! 12, !own x, !!null '']",
        "[\"8080\",7,3,true,\"hello\",\"12\",\"x\",null]"
    )]
    [InlineData("{on: 1, 8080: 2, 1.5: 3, 0x10: 5, 'yes': 6}", "{\"true\":1,\"8080\":2,\"1.5\":3,\"16\":5,\"yes\":6}")]
    [InlineData(
        "{base: &b {a: 1, c: 2}, first: {<<: *b, a: 9}, last: {a: 9, <<: *b}, list: {<<: [*b, {a: 5, e: 6}]}}",
        "{\"base\":{\"a\":1,\"c\":2},\"first\":{\"a\":9,\"c\":2},\"last\":{\"a\":1,\"c\":2},\"list\":{\"a\":1,\"e\":6,\"c\":2}}"
    )]
    public void Values_are_read_as_kubernetes_reads_them(string yaml, string json) =>
        ManifestReader.Read($"{{apiVersion: v1, kind: A, value: {yaml}}}").ShouldHaveSingleItem()["value"]!.ToJsonString().ShouldBe(json);

    [Theory]
    [InlineData("[\r\nb=1\r\n")]
    [InlineData("\t")]
    [InlineData("a\tb\t")]
    [InlineData("\n")]
    [InlineData("\tcc a.c\nb:\n\tcc b.c\n")]
    [InlineData(" two\n spaces\n")]
    [InlineData("ends\n\n\n")]
    [InlineData("a\n \nb")]
    [InlineData(".inf")]
    [InlineData("-.INF")]
    [InlineData(".nan")]
    [InlineData("<<")]
    [InlineData("=")]
    [InlineData("0o17")]
    [InlineData("1_000")]
    [InlineData("bell\u0007, next line\u0085, separator\u2028, mark\uFEFF")]
    [InlineData("\uD83D\uDE80")]
    public void Any_text_survives_being_written(string text) => ManifestReader
            .Read(
                ManifestYaml.Write(
                    new JsonObject
                    {
                        ["apiVersion"] = "v1",
                        ["kind"] = "A",
                        ["value"] = text,
                        ["end"] = 1,
                    }
                )
            )
            .ShouldHaveSingleItem()["value"]!.GetValue<string>().ShouldBe(text);

    [Theory]
    [InlineData("{apiVersion: v1, kind: A, value: .inf}", ".inf is not a number that JSON has")]
    [InlineData("{apiVersion: v1, kind: A, value: !!int x}", "'x' is not a number")]
    [InlineData("{apiVersion: v1, kind: A, ~: 1}", "a key is not a string")]
    [InlineData("{apiVersion: v1, kind: A, <<: 1}", "<< needs a map")]
    [InlineData("{apiVersion: v1, kind: A, a: {b: 1, b: 2}}", "a.b is given twice")]
    [InlineData("{apiVersion: v1, kind: A, a: *b}", "'b'")]
    public void What_json_cannot_hold_is_refused_with_its_line(string text, string reason)
    {
        var error = Should.Throw<ManifestException>(() => ManifestReader.Read(text));
        error.Message.ShouldStartWith("line 1: ");
        error.Message.ShouldContain(reason);
    }

    [Fact]
    public void Anchors_that_multiply_are_refused_before_they_fill_the_memory()
    {
        var text = new System.Text.StringBuilder("apiVersion: v1\nkind: A\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (var i = 1; i < 12; i++)
            text.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n"
            );
        Should.Throw<ManifestException>(() => ManifestReader.Read(text.ToString())).Message.ShouldContain("more than 500,000 values");
    }

    [Fact]
    public void The_text_of_each_document_is_kept()
    {
        const string text = "# first\napiVersion: v1\nkind: A # of its kind\n---\n# nothing\n---\r\nkind: B\r\napiVersion: v1\r\n# end";
        var documents = ManifestReader.ReadDocuments(text);
        documents.Select(document => document.Objects.Count).ShouldBe([1, 0, 1]);
        string.Concat(documents.Select(document => document.Source)).ShouldBe(text);
        documents[2].Source.ShouldStartWith("---\r\nkind: B");
    }

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
