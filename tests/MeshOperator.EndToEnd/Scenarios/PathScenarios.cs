using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>The tables of <c>docs/path-rules.md</c> are the cases.</summary>
public sealed class PathScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "paths", proxies: 2)
{
    private static readonly string[][] Rows =
    [
        .. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "path-rules.md"))
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries)[1..^1]),
    ];

    private Client Caller => Workload("client").Client;

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(ns.DeployAsync(new WorkloadSpec("web") { Ports = [Port.Http, Port.Recorder] }), ns.DeployAsync("client"));

    [Theory]
    [InlineData("deny: /admin")]
    [InlineData("deny: /admin*")]
    [InlineData("allow: /admin")]
    [InlineData("allow: /admin*")]
    public async Task Each_spelling_of_a_path_is_judged_as_the_documentation_says(string rule)
    {
        var cases = Cases("path as it is sent", rule);
        cases.Count.ShouldBeGreaterThan(25);

        await ApplyAsync(
            $"{rule[..rule.IndexOf(':', StringComparison.Ordinal)]}: [{{paths: "
                + $"['{rule[(rule.IndexOf(' ', StringComparison.Ordinal) + 1)..]}']}}]"
        );

        await AnsweredAsync(cases.Select(c => ($"GET {c.Sent} HTTP/1.1\r\n", c.Status)));
    }

    [Theory]
    [InlineData("deny: GET")]
    [InlineData("deny: DELETE")]
    [InlineData("allow: POST")]
    public async Task Each_spelling_of_a_method_is_judged_as_the_documentation_says(string rule)
    {
        var cases = Cases("request", rule);
        cases.Count.ShouldBeGreaterThan(8);

        await ApplyAsync(
            $"{rule[..rule.IndexOf(':', StringComparison.Ordinal)]}: [{{methods: "
                + $"[{rule[(rule.IndexOf(' ', StringComparison.Ordinal) + 1)..]}]}}]"
        );

        await AnsweredAsync(cases.Select(c => (Request(c.Sent), c.Status)));
    }

    [Theory]
    [InlineData("deny: /admin")]
    [InlineData("allow: /admin")]
    public async Task Each_form_of_a_request_is_judged_as_the_documentation_says(string rule)
    {
        var cases = Cases("form of a request", rule);
        cases.Count.ShouldBeGreaterThan(10);

        await ApplyAsync(
            $"{rule[..rule.IndexOf(':', StringComparison.Ordinal)]}: [{{paths: "
                + $"['{rule[(rule.IndexOf(' ', StringComparison.Ordinal) + 1)..]}']}}]"
        );

        var wrong = await Task.WhenAll(
            cases.Select(async form =>
            {
                using var connection = await Caller.ConnectAsync("web", Port.Recorder.Number);
                await connection.SendAsync(form.Sent.Replace(" + ", "\r\n", StringComparison.Ordinal) + "\r\nConnection: close\r\n\r\n");
                var answer = await connection.ReadToEndAsync();
                var line = answer.Split("\r\n")[0].Split(' ');
                return line.Length > 1 && line[1] == form.Status ? null : $"{form.Sent}: not {form.Status} but {answer}";
            })
        );
        wrong.OfType<string>().ShouldBeEmpty();
    }

    /// <summary>The rows of a table, by the name of its first column, with the column of a rule.</summary>
    private static List<(string Sent, string Status)> Cases(string first, string rule)
    {
        var header = Array.FindIndex(Rows, row => row[0] == first);
        var column = Array.IndexOf(Rows[header], $"`{rule}`");
        return [.. Rows[(header + 1)..].TakeWhile(row => row[0].StartsWith('`')).Select(row => (row[0].Trim('`'), row[column]))];
    }

    /// <summary>Method, path and perhaps a header.</summary>
    private static string Request(string sent)
    {
        var parts = sent.Split(' ', 3);
        return $"{parts[0]} {parts[1]} HTTP/1.1\r\n{(parts.Length > 2 ? parts[2] + "\r\n" : string.Empty)}Content-Length: 0\r\n";
    }

    private Task ApplyAsync(string rules) =>
        Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: web}
            spec: {selector: {matchLabels: {app: web} }, mode: Permissive, {{rules}} }
            """
        );

    /// <summary>Each on a connection of its own. What is let through arrives as it was sent.</summary>
    private async Task AnsweredAsync(IEnumerable<(string Head, string Status)> requests)
    {
        var wrong = await Task.WhenAll(
            requests.Select(async request =>
            {
                using var connection = await Caller.ConnectAsync("web", Port.Recorder.Number);
                await connection.SendAsync($"{request.Head}Host: web\r\nConnection: close\r\n\r\n");
                var answer = await connection.ReadToEndAsync();
                var first = request.Head[..request.Head.IndexOf('\r', StringComparison.Ordinal)];
                if (!answer.StartsWith($"HTTP/1.1 {request.Status} ", StringComparison.Ordinal))
                    return $"{first}: not {request.Status} but {answer}";
                var isWhole =
                    request.Status != "200"
                    || first.StartsWith("HEAD", StringComparison.Ordinal)
                    || answer.Contains($"\r\n\r\n{first}\r\n", StringComparison.Ordinal);
                return isWhole ? null : $"{first} arrived as {answer}";
            })
        );
        wrong.OfType<string>().ShouldBeEmpty();
    }
}
