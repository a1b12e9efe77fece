using System.CommandLine;
using System.CommandLine.Help;
using System.Globalization;
using MeshOperator.Commands;

namespace MeshOperator.Generation;

/// <summary><c>docs/reference/cli.md</c>: the commands and their options, from the command line itself.</summary>
internal static class CliPage
{
    private const string Program = "meshop";

    public static string Create(RootCommand program)
    {
        var page = new Markdown("Command line", "the program's own commands");
        page.Paragraph(
            $"`{Program}` is the operator's program. From a checkout, write `dotnet run --project operator/MeshOperator --` in its place."
        );
        page.Paragraph(
            $"`{Program} --version` prints the version. Every command has `--help`. The exit status is 0 on success and 1 on failure."
        );
        foreach (var command in program.Subcommands)
            Add(page, command, Program);
        return page.ToString();
    }

    private static void Add(Markdown page, Command command, string parents)
    {
        var name = $"{parents} {command.Name}";
        page.Heading(2, name).Paragraph(Markdown.Prose(command.Description ?? string.Empty));
        if (command.Subcommands.Count == 0)
            page.Line().Line("```text").Line(Usage(command, name)).Line("```");
        page.Table(
            ["Argument", "Description"],
            command.Arguments.Select(a => (string[])[Markdown.Code(a.Name), Markdown.Prose(a.Description ?? string.Empty)])
        );
        page.Table(
            ["Option", "Value", "Default", "Description"],
            command
                .Options.Where(option => option is not HelpOption)
                .Select(option =>
                    (string[])[Names(option), Value(option.ValueType), Default(option), Markdown.Prose(option.Description ?? string.Empty)]
                )
        );
        foreach (var inner in command.Subcommands)
            Add(page, inner, name);
    }

    private static string Names(Option option) =>
        string.Join(", ", option.Aliases.Prepend(option.Name).Select(Markdown.Code)) + (option.Required ? ", *required*" : string.Empty);

    private static string Usage(Command command, string name)
    {
        var required = command.Options.Where(o => o.Required).Select(o => $" {o.Name} {Value(o.ValueType)}");
        var arguments = command.Arguments.Select(a => a.Arity.MinimumNumberOfValues == 0 ? $" [{a.Name}]" : $" {a.Name}");
        return $"{name}{string.Concat(required)}{string.Concat(arguments)} [options]";
    }

    private static string Value(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsArray)
            return $"{Value(type.GetElementType()!)}, repeatable";
        if (type == typeof(bool))
            return "flag";
        if (type.IsEnum)
            return string.Join(", ", Enum.GetNames(type).Select(Markdown.Code));
        if (type == typeof(FileInfo))
            return "FILE";
        if (type == typeof(DirectoryInfo))
            return "FOLDER";
        return type == typeof(int) || type == typeof(double) ? "NUMBER" : "TEXT";
    }

    private static string Default(Option option) =>
        !option.HasDefaultValue
            ? string.Empty
            : option.GetDefaultValue() switch
            {
                false or null => string.Empty,
                true => "`true`",
                Array { Length: 0 } => string.Empty,
                var value => Markdown.Code(string.Create(CultureInfo.InvariantCulture, $"{value}")),
            };
}
