using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using k8s;
using k8s.Exceptions;
using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Output;

namespace MeshOperator.Commands;

/// <summary><c>meshop ca</c>: shows the certificate authority of a cluster's mesh, and has its root replaced.</summary>
internal static class CaCommand
{
    private const string Name = MeshNames.CertificateAuthority;

    /// <summary>An operator that runs looks at it every second.</summary>
    private static readonly TimeSpan AnswersWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    public static Command Create()
    {
        var cluster = new ClusterOptions();
        var status = new Command("status", "Show who signs, when certificates expire, and the progress of a rotation.");
        cluster.AddTo(status);
        status.SetAction(
            (parsed, cancellation) => RunAsync(() => cluster.Read(parsed), parsed.InvocationConfiguration, StatusAsync, cancellation)
        );

        var wait = new Option<bool>("--wait") { Description = "Wait until the rotation is complete." };
        var rotate = new Command("rotate", "Replace the root that the operator created with a new one that has a new key.") { wait };
        cluster.AddTo(rotate);
        rotate.SetAction(
            (parsed, cancellation) =>
                RunAsync(
                    () => cluster.Read(parsed),
                    parsed.InvocationConfiguration,
                    (client, console, token) => RotateAsync(client, console, parsed.GetValue(wait), token),
                    cancellation
                )
        );
        return new Command("ca", "Show or rotate the certificate authority of the mesh.") { status, rotate };
    }

    private static async Task<int> RunAsync(
        Func<KubernetesClientConfiguration> connect,
        InvocationConfiguration console,
        Func<EntityClient<MeshCertificateAuthority>, InvocationConfiguration, CancellationToken, Task<int>> action,
        CancellationToken cancellation
    )
    {
        try
        {
            using var client = new k8s.Kubernetes(connect());
            return await action(
                new EntityClient<MeshCertificateAuthority>(new KubernetesTransport(client, TimeProvider.System)),
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
            await console.Error.WriteLineAsync($"meshop ca: {e.Message}");
            return 1;
        }
    }

    private static async Task<int> StatusAsync(
        EntityClient<MeshCertificateAuthority> client,
        InvocationConfiguration console,
        CancellationToken cancellation
    )
    {
        if (await FindAsync(client, cancellation) is not { Status: { } status })
        {
            await console.Error.WriteLineAsync(
                $"meshop ca: MeshCertificateAuthority {Name} has no status; check that the operator runs and is elected leader, as it "
                    + "creates the object then."
            );
            return 1;
        }

        await console.Output.WriteLineAsync(Describe(status));
        return 0;
    }

    private static async Task<int> RotateAsync(
        EntityClient<MeshCertificateAuthority> client,
        InvocationConfiguration console,
        bool wait,
        CancellationToken cancellation
    )
    {
        if (await FindAsync(client, cancellation) is not { Status: { } before })
        {
            await console.Error.WriteLineAsync(
                $"meshop ca: MeshCertificateAuthority {Name} has no status; check that the operator runs and is elected leader, as it "
                    + "creates the object then."
            );
            return 1;
        }

        if (before.Phase != "Stable")
        {
            await console.Error.WriteLineAsync(
                $"meshop ca: a rotation is in flight (phase {before.Phase}, {before.ProxiesTrusting} proxies); see 'meshop ca status'."
            );
            return 1;
        }

        var request = TimeProvider.System.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);
        await AnnotateAsync(client, request, cancellation);
        return await FollowAsync(client, console, request, wait, cancellation);
    }

    /// <summary>Waits until the rotation has begun or was refused; then, if it is to, until it is over.</summary>
    private static async Task<int> FollowAsync(
        EntityClient<MeshCertificateAuthority> client,
        InvocationConfiguration console,
        string request,
        bool wait,
        CancellationToken cancellation
    )
    {
        var (asked, printed) = (TimeProvider.System.GetTimestamp(), string.Empty);
        while (true)
        {
            var status = (await FindAsync(client, cancellation))?.Status;
            var hasBegun = status?.LastRotation == request;
            if (
                !hasBegun
                && status?.Conditions.Find(c =>
                    c is { Type: ConditionTypes.Accepted, Status: "False", Reason: ConditionReasons.RotationNotPossible }
                )
                    is { } refusal
            )
            {
                await AnnotateAsync(client, null, cancellation);
                await console.Error.WriteLineAsync($"meshop ca: {refusal.Message}");
                return 1;
            }

            if (!hasBegun && TimeProvider.System.GetElapsedTime(asked) > AnswersWithin)
            {
                await console.Error.WriteLineAsync(
                    $"meshop ca: the operator has not begun within {AnswersWithin.TotalSeconds:0} s; check that it runs and is "
                        + "elected leader. The rotation request remains pending."
                );
                return 1;
            }

            if (hasBegun)
            {
                var line = Progress(status!);
                if (line != printed)
                    await console.Output.WriteLineAsync(printed = line);
                if (!wait || status!.Phase == "Stable")
                    return 0;
            }

            await Task.Delay(LookEvery, TimeProvider.System, cancellation);
        }
    }

    private static Task<MeshCertificateAuthority> AnnotateAsync(
        EntityClient<MeshCertificateAuthority> client,
        string? request,
        CancellationToken cancellation
    ) =>
        client.MergePatchAsync(
            new ObjectKey(string.Empty, Name),
            new JsonObject
            {
                ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [MeshNames.RotateAnnotation] = request } },
            },
            cancellation
        );

    private static Task<MeshCertificateAuthority?> FindAsync(
        EntityClient<MeshCertificateAuthority> client,
        CancellationToken cancellation
    ) => client.GetAsync(new ObjectKey(string.Empty, Name), cancellation);

    private static string Progress(MeshCertificateAuthorityStatus status) =>
        $"{status.Phase}: {status.Conditions.Find(c => c.Type == ConditionTypes.Progressing)?.Message ?? status.ProxiesTrusting}";

    private static string Describe(MeshCertificateAuthorityStatus status)
    {
        string[][] phase =
        [
            ["Phase", $"{status.Phase} since {status.PhaseSince}"],
            ["Proxies", $"{status.ProxiesTrusting} have acknowledged the phase"],
            .. (status.Holding ?? []).Select(holder => new[] { "  pending", $"{holder.Name} {holder.Reason}" }),
        ];
        string[][] certificates =
        [
            .. (status.Certificates ?? []).Select(c => new[] { "  " + c.Name, c.NotAfter ?? string.Empty, c.Fingerprint ?? string.Empty }),
        ];
        string[][] conditions = [.. status.Conditions.Select(c => new[] { "  " + c.Type, c.Status == "True" ? "yes" : "no", c.Message })];
        string[] lines =
        [
            .. PlainTable.Render([], phase),
            "Certificates",
            .. PlainTable.Render([], certificates),
            "Conditions",
            .. PlainTable.Render([], conditions),
        ];
        return string.Join('\n', status.LastRotation is { } last ? [.. lines, $"Last rotation requested at {last}"] : lines);
    }
}
