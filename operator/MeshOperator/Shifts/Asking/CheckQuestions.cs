using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Shifts.Asking;

/// <summary>A step of a shift, as far as those who are asked get to know of it.</summary>
/// <param name="Split">The name of the TrafficSplit.</param>
/// <param name="Service">The service whose traffic is shifted.</param>
/// <param name="Shift">The shift.</param>
/// <param name="State">Where it is.</param>
internal sealed record AskedStep(ObjectName Split, string Service, SplitShift Shift, ShiftState State);

/// <summary>Writes the requests of checks, and reads their answers. Pure.</summary>
internal static class CheckQuestions
{
    /// <summary>The request of a check; null when its URL cannot be read.</summary>
    public static AskRequest? Write(ShiftCheck check, AskedStep step) =>
        check switch
        {
            { Prometheus: { } prometheus } when CheckUrl.TryParse(prometheus.Url, out var url, out _) => new AskRequest(
                url,
                WriteQuery(url, prometheus, step),
                null
            ),
            { Webhook: { } webhook } when CheckUrl.TryParse(webhook.Url, out var url, out _) => new AskRequest(
                url,
                url.Url,
                JsonSerializer.SerializeToUtf8Bytes(WritePayload(webhook, step), PayloadJson.Default.WebhookPayload)
            ),
            _ => null,
        };

    /// <summary>Reads what came of it.</summary>
    public static CheckAnswer Read(ShiftCheck check, AskReply reply)
    {
        if (reply.Problem is { } problem)
            return new CheckAnswer(ShiftOutcome.Inconclusive, problem);
        if (check.Prometheus is { } prometheus)
            return PrometheusAnswer.Read(prometheus, reply.Status, reply.Body);
        var text = string.Create(CultureInfo.InvariantCulture, $"it answered {reply.Status}");
        return reply.Status is >= 200 and < 300
            ? new CheckAnswer(ShiftOutcome.Pass, text)
            : new CheckAnswer(ShiftOutcome.Fail, reply.Status is >= 300 and < 400 ? $"{text}, and redirects are not followed" : text);
    }

    /// <summary>How often a check is asked.</summary>
    public static TimeSpan FindInterval(ShiftCheck check) =>
        Api.MeshDuration.Parse(check.Prometheus?.Interval ?? check.Webhook?.Interval ?? OutsideCheckDefaults.Interval);

    /// <summary>How many failed answers in a row fail a check.</summary>
    public static int FindThreshold(ShiftCheck check) =>
        check.Prometheus?.FailureThreshold ?? check.Webhook?.FailureThreshold ?? OutsideCheckDefaults.FailureThreshold;

    private static Uri WriteQuery(CheckUrl url, PrometheusCheck check, AskedStep step)
    {
        var shift = step.Shift;
        var sources = shift.Backends.Select(backend => backend.Service).Where(service => service != shift.Wanted.To).Distinct();
        var query = new QueryPlaceholders(
            step.Split.Name,
            step.Split.Namespace,
            step.Service,
            shift.Wanted.To,
            string.Join('|', sources),
            check.Interval
        ).Fill(check.Query);
        return new UriBuilder(url.Url)
        {
            Path = $"{url.Url.AbsolutePath.TrimEnd('/')}/api/v1/query",
            Query = $"query={Uri.EscapeDataString(query)}",
        }.Uri;
    }

    private static WebhookPayload WritePayload(WebhookCheck check, AskedStep step) =>
        new(
            step.Split.Name,
            step.Split.Namespace,
            step.State.Phase is ShiftPhase.AwaitingApproval ? "WaitingPromotion" : "Progressing",
            Checksum(step),
            check.Metadata
        );

    /// <summary>Stays the same for one shift, and is another one for the next.</summary>
    private static string Checksum(AskedStep step)
    {
        var identity = step.Shift.Identity;
        var text = string.Join('\n', [step.Shift.Rule, identity.To, identity.Revision, .. identity.Backends]);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
    }
}

/// <summary>The payload of Flagger's webhooks.</summary>
/// <param name="Name">The TrafficSplit.</param>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Phase">In Flagger's words.</param>
/// <param name="Checksum">Of what the shift is about.</param>
/// <param name="Metadata">What the check says.</param>
internal sealed record WebhookPayload(
    string Name,
    string Namespace,
    string Phase,
    string Checksum,
    IReadOnlyDictionary<string, string> Metadata
);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(WebhookPayload))]
internal sealed partial class PayloadJson : JsonSerializerContext;
