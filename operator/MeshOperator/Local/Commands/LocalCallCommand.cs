using System.Collections.Concurrent;
using System.CommandLine;
using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Local.Application;
using MeshOperator.Local.Screen;
using MeshOperator.Output;

namespace MeshOperator.Local.Commands;

/// <summary><c>meshop local call</c>: makes requests as a pod of the local mesh, and counts the answers.</summary>
internal static class LocalCallCommand
{
    private const int MostRequests = 1_000_000;

    public static Command Create()
    {
        var pod = new Argument<string>("pod")
        {
            Description = "Who calls: a pod, or a workload or app label of which one pod is taken; as name or namespace/name.",
        };
        var url = new Argument<string>("url") { Description = "What is called: http://service[:port]/path or grpc://service:port." };
        var number = new Option<int>("--number", "-n") { Description = "How many requests.", DefaultValueFactory = _ => 1 };
        var parallel = new Option<int>("--parallel") { Description = "How many at once.", DefaultValueFactory = _ => 8 };
        var header = new Option<string[]>("--header", "-H") { Description = "A header, as 'name: value'. Can be repeated." };
        var method = new Option<string>("--method", "-X") { Description = "The HTTP method.", DefaultValueFactory = _ => "GET" };
        var data = DataOption.Create();
        var command = new Command("call", "Make requests as a pod of the local mesh, and count the answers.")
        {
            pod,
            url,
            number,
            parallel,
            header,
            method,
            data,
        };
        number.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > MostRequests)
                result.AddError($"--number: write a number from 1 to {MostRequests}");
        });
        parallel.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 1000)
                result.AddError("--parallel: write a number from 1 to 1000");
        });
        command.SetAction(
            async (parsed, cancellation) =>
            {
                var console = parsed.InvocationConfiguration;
                try
                {
                    var call = new Call(
                        ReadUrl(parsed.GetValue(url)!),
                        new HttpMethod(parsed.GetValue(method)!),
                        [.. (parsed.GetValue(header) ?? []).Select(ReadHeader)],
                        parsed.GetValue(number),
                        parsed.GetValue(parallel)
                    );
                    var caller = await FindPodAsync(parsed.GetValue(data)!, parsed.GetValue(pod)!, cancellation);
                    var results = await RunAsync(caller, call, cancellation);
                    Write(console.Output, caller, results);
                    return results.All(result => result.IsSuccess) ? 0 : 1;
                }
                catch (Exception e) when (e is IOException or FormatException or HttpRequestException or k8s.Exceptions.KubeConfigException)
                {
                    await console.Error.WriteLineAsync($"meshop local call: {e.Message}");
                    return 2;
                }
            }
        );
        return command;
    }

    private static Uri ReadUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "grpc"
            ? url
            : throw new FormatException(
                $"'{text}' is not a URL of a service; write for example http://model/ or grpc://feature-store:9000"
            );

    private static (string Name, string Value) ReadHeader(string text) =>
        text.Split(':', 2) is [{ Length: > 0 } name, var value]
            ? (name.Trim(), value.Trim())
            : throw new FormatException($"--header '{text}': write it as 'name: value'");

    /// <summary>Finds the one who calls, with a proxy, ready ones first.</summary>
    private static async Task<V1Pod> FindPodAsync(DirectoryInfo data, string wanted, CancellationToken cancellation)
    {
        var kubeconfig = new FileInfo(Path.Combine(data.FullName, "kubeconfig"));
        _ = LocalFiles.ReadStatusAddress(data);
        using var client = new k8s.Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(kubeconfig));
        var (ns, name) = wanted.Split('/') is [var given, var rest] ? (given, rest) : (null, wanted);
        var pods = await client.CoreV1.ListPodForAllNamespacesAsync(cancellationToken: cancellation);
        var found = pods
            .Items.Where(pod => ns is null || pod.Metadata.NamespaceProperty == ns)
            .Where(pod => pod.Metadata.DeletionTimestamp is null && pod.Status?.PodIP is { Length: > 0 })
            .Where(pod => IsCalled(pod, name))
            .OrderByDescending(pod => pod.Status.Conditions?.Any(c => c.Type == "Ready" && c.Status == "True") == true)
            .ThenBy(pod => pod.Metadata.Name, StringComparer.Ordinal)
            .ToList();
        var withProxy = found.Find(pod => pod.Metadata.Labels?.ContainsKey(MeshNames.ProxyLabel) == true);
        if (withProxy is not null)
            return withProxy;
        throw new FormatException(
            found.Count > 0
                ? $"the pod {found[0].Metadata.NamespaceProperty}/{found[0].Metadata.Name} has no proxy; choose a pod of the mesh"
                : $"no pod, workload or app of the mesh is called '{wanted}'; see meshop local status"
        );
    }

    private static bool IsCalled(V1Pod pod, string name) =>
        pod.Metadata.Name == name
        || pod.Metadata.Name.StartsWith(name + "-", StringComparison.Ordinal)
        || (pod.Metadata.Labels is { } labels && labels.TryGetValue("app", out var app) && app == name);

    private static async Task<IReadOnlyList<CallResult>> RunAsync(V1Pod caller, Call call, CancellationToken cancellation)
    {
        using var calls = new OutgoingCalls(caller.Metadata.NamespaceProperty, caller.Status.PodIP, traffic: null);
        var results = new ConcurrentBag<CallResult>();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, call.Number),
            new ParallelOptions { MaxDegreeOfParallelism = call.Parallel, CancellationToken = cancellation },
            async (_, stop) => results.Add(await calls.CallAsync(call.Url, call.Method, call.Headers, stop))
        );
        return [.. results];
    }

    private static void Write(TextWriter output, V1Pod caller, IReadOnlyList<CallResult> results)
    {
        output.WriteLine($"as pod {caller.Metadata.NamespaceProperty}/{caller.Metadata.Name}");
        var groups = results
            .GroupBy(result => (result.Version, result.Status))
            .OrderBy(group => group.Key.Version, StringComparer.Ordinal)
            .ThenBy(group => group.Key.Status, StringComparer.Ordinal);
        string[] header = ["VERSION", "STATUS", "REQUESTS", "SHARE", "P50", "P99"];
        foreach (var line in PlainTable.Render(header, [.. groups.Select(group => Row(group.Key, [.. group], results.Count))]))
            output.WriteLine(line);
    }

    private static string[] Row((string Version, string Status) key, IReadOnlyList<CallResult> results, int all)
    {
        var times = results.Select(result => result.Duration).Order().ToList();
        return
        [
            key.Version.Length == 0 ? "-" : key.Version,
            key.Status,
            FormattableString.Invariant($"{times.Count}"),
            FormattableString.Invariant($"{100.0 * times.Count / all:0.#} %"),
            MeshTables.Milliseconds(times[times.Count / 2]),
            MeshTables.Milliseconds(times[Math.Min(times.Count - 1, times.Count * 99 / 100)]),
        ];
    }

    /// <summary>What is called, and how often.</summary>
    private sealed record Call(Uri Url, HttpMethod Method, IReadOnlyList<(string Name, string Value)> Headers, int Number, int Parallel);
}
