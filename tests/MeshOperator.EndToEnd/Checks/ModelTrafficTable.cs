using System.Globalization;
using System.Reflection;

namespace MeshOperator.EndToEnd.Checks;

/// <summary>The README's table of model traffic, made of the tests that show it.</summary>
internal static class ModelTrafficTable
{
    /// <summary>The rows of the list of what fails.</summary>
    public const int Rows = 18;

    private const string Title = "## Model traffic";
    private const string Header = "| | what is done | without the mesh | with Envoy's settings | now | shown by |";

    /// <summary>The numbers of the rows that some test shows.</summary>
    public static IEnumerable<int> Shown() => All().Select(row => row.Attribute.Row).Where(row => row > 0).Distinct().Order();

    /// <summary>The page with the table as the tests have it.</summary>
    public static string Write(string page)
    {
        var at = page.IndexOf(Header, page.IndexOf(Title, StringComparison.Ordinal), StringComparison.Ordinal);
        var end = page.IndexOf("\n\n", at, StringComparison.Ordinal);
        return page[..at] + string.Join('\n', Lines()) + (end < 0 ? "\n" : page[end..]);
    }

    private static IEnumerable<string> Lines() =>
        All()
            .GroupBy(row => row.Attribute.Place)
            .OrderBy(group => group.Key)
            .Select(group =>
            {
                var row = group.First().Attribute;
                var number = row.Row == 0 ? string.Empty : row.Row.ToString(CultureInfo.InvariantCulture);
                var tests = string.Join(", ", group.Select(test => $"`{test.Method.Name}`").Order(StringComparer.Ordinal));
                return Line(number, row.What, row.Direct, row.Before, row.Now, tests);
            })
            .Prepend("|---|---|---|---|---|---|")
            .Prepend(Header);

    private static string Line(params string[] cells) => $"|{string.Concat(cells.Select(cell => cell.Length == 0 ? " |" : $" {cell} |"))}";

    private static IEnumerable<(MethodInfo Method, ModelTrafficAttribute Attribute)> All() =>
        from type in typeof(ModelTrafficTable).Assembly.GetTypes()
        from method in type.GetMethods()
        from attribute in method.GetCustomAttributes<ModelTrafficAttribute>()
        select (method, attribute);
}
