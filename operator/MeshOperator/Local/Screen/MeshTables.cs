using System.Globalization;
using MeshOperator.Local.Traffic;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace MeshOperator.Local.Screen;

/// <summary>The tables that show a local mesh.</summary>
internal static class MeshTables
{
    /// <summary>All of a view.</summary>
    public static IRenderable Create(MeshView view) =>
        new Rows([
            .. new[] { Traffic(view), Policies(view), Pods(view) }.Where(table => table.Rows.Count > 0),
            .. view
                .Policies.Where(policy => policy.Message is not null)
                .Select(policy => new Text($"{policy.Kind} {policy.Name}: {policy.Message}", new Style(Color.Yellow))),
            .. view
                .Pods.Where(pod => pod.Problem is not null)
                .Select(pod => new Text($"pod {pod.Name}: {pod.Problem}", new Style(Color.Red))),
            new Text(
                string.Create(CultureInfo.InvariantCulture, $"{view.Requests:N0} requests since the start, {view.Failed:N0} failed; ")
                    + $"the rates are of the last {TrafficLog.Window.TotalSeconds:0} s, the shares of the last second"
            ),
        ]);

    /// <summary>A row of the traffic as a line.</summary>
    public static string Line(TrafficRow row) =>
        string.Join(
            ", ",
            string.Create(CultureInfo.InvariantCulture, $"traffic {row.Service} {row.Version}: {row.Share * 100:0} % of requests"),
            string.Create(CultureInfo.InvariantCulture, $"{row.Rate:0.0}/s"),
            $"success {Percent(row.SuccessRate)}",
            $"p50 {Milliseconds(row.P50)}",
            $"p99 {Milliseconds(row.P99)}",
            $"mutual TLS {Percent(row.MutualTls)}"
        );

    /// <summary>A time in milliseconds.</summary>
    public static string Milliseconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0.0} ms");

    /// <summary>A part as a percentage.</summary>
    public static string Percent(double part) => string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(part * 1000) / 10:0.#} %");

    private static Table Traffic(MeshView view)
    {
        var table = Create("SERVICE", "VERSION", "SHARE", "REQUESTS/S", "SUCCESS", "P50", "P99", "MUTUAL TLS");
        foreach (var row in view.Traffic)
        {
            table.AddRow(
                new Text(row.Service),
                new Text(row.Version.Length == 0 ? "-" : row.Version),
                new Text(string.Create(CultureInfo.InvariantCulture, $"{row.Share * 100:0} %"), new Style(Color.Aqua)),
                new Text(row.Rate.ToString("0.0", CultureInfo.InvariantCulture)),
                new Text(Percent(row.SuccessRate), new Style(row.SuccessRate >= 1 ? Color.Green : Color.Red)),
                new Text(Milliseconds(row.P50)),
                new Text(Milliseconds(row.P99)),
                new Text(Percent(row.MutualTls))
            );
        }

        return table;
    }

    private static Table Policies(MeshView view)
    {
        var table = Create("POLICY", "NAME", "ACCEPTED", "PROGRAMMED", "PROXIES");
        foreach (var policy in view.Policies)
        {
            table.AddRow(
                new Text(policy.Kind),
                new Text(policy.Name),
                Status(policy.Accepted),
                Status(policy.Programmed),
                new Text(policy.Proxies)
            );
        }

        return table;
    }

    private static Table Pods(MeshView view)
    {
        var table = Create("POD", "ADDRESS", "STATE", "PROXY", "RESTARTS", "REQUESTS");
        foreach (var pod in view.Pods)
        {
            table.AddRow(
                new Text(pod.Name),
                new Text(pod.Address),
                new Text(pod.State, new Style(pod.State == "ready" ? Color.Green : Color.Yellow)),
                new Text(pod.Proxy),
                new Text(pod.Restarts.ToString(CultureInfo.InvariantCulture)),
                new Text(pod.Requests.ToString(CultureInfo.InvariantCulture))
            );
        }

        return table;
    }

    private static Text Status(string status) => new(status, new Style(status == "True" ? Color.Green : Color.Yellow));

    private static Table Create(params string[] columns)
    {
        var table = new Table().NoBorder();
        foreach (var column in columns)
            table.AddColumn(new TableColumn(new Text(column, new Style(decoration: Decoration.Bold))).NoWrap());
        return table;
    }
}
