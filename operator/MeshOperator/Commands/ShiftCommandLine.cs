using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using k8s;
using k8s.Exceptions;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Output;

namespace MeshOperator.Commands;

/// <summary><c>meshop shift</c>: shows gradual shifts, and says to one what a person wants of it, by an annotation of its
/// TrafficSplit.</summary>
internal static class ShiftCommandLine
{
    /// <summary>An operator that runs looks at it at once.</summary>
    private static readonly TimeSpan AnswersWithin = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    private static readonly (ShiftVerb Verb, string Description)[] Verbs =
    [
        (ShiftVerb.Approve, "Begin the next step, which waits for an approval."),
        (ShiftVerb.Pause, "Leave the traffic where it is."),
        (ShiftVerb.Resume, "Go on with a shift that is paused or held."),
        (ShiftVerb.Abort, "Take the traffic back to the other backends."),
        (ShiftVerb.Promote, "Send all traffic to the target now."),
        (ShiftVerb.Restart, "Begin again, from 0 percent."),
    ];

    public static Command Create()
    {
        var shift = new Command("shift", "Show gradual shifts of traffic, or say how one is to go on.") { Status() };
        foreach (var (verb, description) in Verbs)
            shift.Subcommands.Add(Say(verb, description));
        return shift;
    }

    private static Command Status()
    {
        var cluster = new ClusterOptions();
        var ns = Namespace();
        var all = new Option<bool>("--all-namespaces", "-A") { Description = "Of all namespaces." };
        var name = new Argument<string?>("split")
        {
            Description = "The TrafficSplit; by default all of the namespace.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var status = new Command("status", "Show how far gradual shifts are.") { name, ns, all };
        cluster.AddTo(status);
        status.SetAction(
            (parsed, cancellation) =>
                RunAsync(
                    () => cluster.Read(parsed),
                    parsed.InvocationConfiguration,
                    (client, current, console, token) =>
                        ShowAsync(
                            client,
                            parsed.GetValue(all) ? null : parsed.GetValue(ns) ?? current,
                            parsed.GetValue(name),
                            console,
                            token
                        ),
                    cancellation
                )
        );
        return status;
    }

    private static Command Say(ShiftVerb verb, string description)
    {
        var cluster = new ClusterOptions();
        var ns = Namespace();
        var rule = new Option<string?>("--rule") { Description = "The rule whose shift it is, where a split has several." };
        var name = new Argument<string>("split") { Description = "The TrafficSplit." };
        var command = new Command(verb.ToString().ToLowerInvariant(), description) { name, ns, rule };
        cluster.AddTo(command);
        command.SetAction(
            (parsed, cancellation) =>
                RunAsync(
                    () => cluster.Read(parsed),
                    parsed.InvocationConfiguration,
                    (client, current, console, token) =>
                        SayAsync(
                            client,
                            new ObjectKey(parsed.GetValue(ns) ?? current, parsed.GetValue(name)!),
                            verb,
                            parsed.GetValue(rule),
                            console,
                            token
                        ),
                    cancellation
                )
        );
        return command;
    }

    private static Option<string?> Namespace() =>
        new("--namespace", "-n") { Description = "The namespace; by default that of the kubeconfig's context." };

    private static async Task<int> RunAsync(
        Func<KubernetesClientConfiguration> connect,
        InvocationConfiguration console,
        Func<EntityClient<TrafficSplit>, string, InvocationConfiguration, CancellationToken, Task<int>> action,
        CancellationToken cancellation
    )
    {
        try
        {
            var configuration = connect();
            using var client = new k8s.Kubernetes(configuration);
            return await action(
                new EntityClient<TrafficSplit>(new KubernetesTransport(client, TimeProvider.System)),
                configuration.Namespace ?? "default",
                console,
                cancellation
            );
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 1;
        }
        catch (Exception e)
            when (e is KubeConfigException or KubernetesApiException or HttpRequestException or TimeoutException or IOException)
        {
            await console.Error.WriteLineAsync($"meshop shift: {e.Message}");
            return 1;
        }
    }

    private static async Task<int> ShowAsync(
        EntityClient<TrafficSplit> client,
        string? ns,
        string? name,
        InvocationConfiguration console,
        CancellationToken cancellation
    )
    {
        var splits = (await client.ListAsync(cancellation)).Where(split =>
            (ns is null || split.Metadata.NamespaceProperty == ns) && (name is null || split.Metadata.Name == name)
        );
        IReadOnlyList<string>[] rows =
        [
            .. splits
                .OrderBy(split => split.Metadata.NamespaceProperty, StringComparer.Ordinal)
                .ThenBy(split => split.Metadata.Name, StringComparer.Ordinal)
                .SelectMany(split => (split.Status?.Shifts ?? []).Select(shift => Row(split, shift))),
        ];
        if (rows.Length == 0)
        {
            await console.Error.WriteLineAsync(
                $"meshop shift: no TrafficSplit{(name is null ? string.Empty : $" {name}")} in "
                    + $"{(ns is null ? "any namespace" : $"namespace {ns}")} has a gradual shift"
            );
            return 1;
        }

        foreach (
            var line in PlainTable.Render(["NAMESPACE", "NAME", "RULE", "TO", "WEIGHT", "SHIFT", "SINCE", "NEXT STEP", "REASON"], rows)
        )
            await console.Output.WriteLineAsync(line);
        return 0;
    }

    private static IReadOnlyList<string> Row(TrafficSplit split, ShiftStatus shift) =>
        [
            split.Metadata.NamespaceProperty,
            split.Metadata.Name,
            shift.Rule,
            shift.To,
            string.Create(CultureInfo.InvariantCulture, $"{shift.Weight}%"),
            shift.Progress ?? shift.Phase.ToString(),
            Time(shift.Since),
            Time(shift.NextStepAt),
            shift.Reason ?? string.Empty,
        ];

    private static string Time(DateTime? time) =>
        time is { } value ? value.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) : "-";

    private static async Task<int> SayAsync(
        EntityClient<TrafficSplit> client,
        ObjectKey key,
        ShiftVerb verb,
        string? rule,
        InvocationConfiguration console,
        CancellationToken cancellation
    )
    {
        var shifts = (await client.GetAsync(key, cancellation))?.Status?.Shifts ?? [];
        var matching = shifts.FindAll(shift => rule is null || shift.Rule == rule);
        if (matching is not [var shift])
        {
            await console.Error.WriteLineAsync(
                matching.Count == 0
                    ? $"meshop shift: TrafficSplit {key} has no gradual shift{(rule is null ? string.Empty : $" of a rule {rule}")}"
                    : $"meshop shift: TrafficSplit {key} has several gradual shifts; name one with --rule: "
                        + string.Join(", ", matching.Select(found => found.Rule))
            );
            return 1;
        }

        var step = verb is ShiftVerb.Approve ? string.Create(CultureInfo.InvariantCulture, $"/{shift.Step}") : string.Empty;
        var which = shifts.Count > 1 ? $" rule={shift.Rule}" : string.Empty;
        var at = TimeProvider.System.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);
        var text = $"{verb.ToString().ToLowerInvariant()} {shift.To}{step}{which} {at}";
        await client.MergePatchAsync(
            key,
            new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [MeshNames.ShiftAnnotation] = text } } },
            cancellation
        );
        return await FollowAsync(client, key, shift.Rule, text, console, cancellation);
    }

    /// <summary>Waits until the operator has done it, or refused.</summary>
    private static async Task<int> FollowAsync(
        EntityClient<TrafficSplit> client,
        ObjectKey key,
        string rule,
        string text,
        InvocationConfiguration console,
        CancellationToken cancellation
    )
    {
        var asked = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var split = await client.GetAsync(key, cancellation);
            var shift = split?.Status?.Shifts?.Find(shift => shift.Rule == rule);
            if (shift?.Command == text)
            {
                var isRefused = shift.Reason?.StartsWith($"'{text}'", StringComparison.Ordinal) == true;
                await (isRefused ? console.Error : console.Output).WriteLineAsync(
                    isRefused ? $"meshop shift: {shift.Reason}" : $"{split!.Status!.Split}: {shift.Progress}, {shift.Reason}"
                );
                return isRefused ? 1 : 0;
            }

            if (TimeProvider.System.GetElapsedTime(asked) > AnswersWithin)
            {
                await console.Error.WriteLineAsync(
                    $"meshop shift: it was not done within {AnswersWithin.TotalSeconds:0} s, and remains asked for: {shift?.Reason}"
                );
                return 1;
            }

            await Task.Delay(LookEvery, TimeProvider.System, cancellation);
        }
    }
}
