using MeshOperator.Proxy;

namespace MeshOperator.Generation;

/// <summary><c>docs/reference/built-in-proxy.md</c>: what the proxy of <c>meshop local</c> supports, from the table by which it takes or
/// rejects configurations.</summary>
internal static class BuiltInProxyPage
{
    private const string Only = "only ";

    public static string Create()
    {
        var page = new Markdown("Built-in proxy", "`SupportedFeatures`");
        page.Paragraph(
            "`meshop local` runs this proxy where it finds no Envoy. It is a client of the operator as Envoy is, and takes the same "
                + "configuration. It rejects what it does not support: the policy's condition `Programmed` then names the proxy and the "
                + "field, and the configuration before it stays in effect. See [Local mesh](../local-mesh.md)."
        );
        page.Paragraph("Every kind of policy is supported. The differences are in regular expressions and in Envoy's API.");
        page.Heading(2, "Regular expressions")
            .Paragraph(
                "Envoy matches with RE2, and the built-in proxy with .NET's engine without backtracking. It rejects what .NET cannot read. "
                    + "Examples:"
            );
        page.Table(
            ["Rejected", "Write for both proxies"],
            SupportedFeatures.Expressions.Select(e => new[] { Markdown.Code(e.Example), Markdown.Code(e.Instead) })
        );
        page.Heading(2, "Fields without effect").Paragraph("The proxy accepts them.");
        page.Table(["Message", "Fields", "Why"], Rows(FieldUse.WithoutEffect, field => field.Note));
        page.Heading(2, "Fields with some values only").Paragraph("The proxy rejects other values.");
        page.Table(
            ["Message", "Field", "Values"],
            SupportedFeatures
                .Fields.Where(field => field is { Use: FieldUse.Carried, Note.Length: > 0 })
                .Select(field => new[] { Short(field.Message), Markdown.Code(field.Field), field.Note[Only.Length..] })
        );
        page.Heading(2, "Rejected fields")
            .Paragraph("The operator sends them to gRPC libraries, within fields without effect, or not at all.");
        page.Table(["Message", "Fields"], Rows(FieldUse.Rejected, _ => string.Empty).Select(row => row[..2]));
        page.Heading(2, "Supported messages")
            .Paragraph("Of all other messages that the operator can send, the proxy supports every field:")
            .Paragraph(
                string.Join(
                    ", ",
                    SupportedFeatures
                        .Fields.GroupBy(field => field.Message)
                        .Where(message => message.All(field => field is { Use: FieldUse.Carried, Note.Length: 0 }))
                        .Select(message => Short(message.Key))
                        .Distinct()
                ) + "."
            );
        return page.ToString();
    }

    private static IEnumerable<string[]> Rows(FieldUse use, Func<SupportedField, string> note) =>
        SupportedFeatures
            .Fields.Where(field => field.Use == use)
            .GroupBy(field => (field.Message, Note: note(field)))
            .Select(group =>
                new[] { Short(group.Key.Message), string.Join(", ", group.Select(field => Markdown.Code(field.Field))), group.Key.Note }
            );

    /// <summary>A message's name without what all have in common.</summary>
    private static string Short(string message) =>
        Markdown.Code(message[(message.IndexOf(".v3.", StringComparison.Ordinal) is > 0 and var at ? at + 4 : 0)..]);
}
