using System.Globalization;
using k8s.Models;
using MeshOperator.Api;

namespace MeshOperator.Local.Application;

/// <summary>What the stand-in for a pod's application does, by annotations of the pod. They have no effect in a cluster.</summary>
internal sealed record StandInSettings
{
    /// <summary>How long each answer takes, for example <c>20ms</c>.</summary>
    public const string LatencyAnnotation = "local.meshoperator.io/latency";

    /// <summary>The part of requests that is answered with 500, for example <c>5%</c>.</summary>
    public const string ErrorRateAnnotation = "local.meshoperator.io/error-rate";

    /// <summary>What is called for each request, separated by commas: <c>http://service/path</c> or <c>grpc://service:port</c>.</summary>
    public const string CallsAnnotation = "local.meshoperator.io/calls";

    /// <summary>How many tokens a second the answers have, for example <c>50/s</c>: it is a server of language models
    /// (<see cref="Completions"/>).</summary>
    public const string TokensAnnotation = "local.meshoperator.io/tokens";

    /// <summary>How many requests it handles at once, for example <c>4</c>. Further ones are answered with 503.</summary>
    public const string SlotsAnnotation = "local.meshoperator.io/slots";

    /// <summary>How long each answer takes.</summary>
    public TimeSpan Latency { get; init; }

    /// <summary>The part of requests that is answered with 500, 0 to 1.</summary>
    public double ErrorRate { get; init; }

    /// <summary>What is called for each request.</summary>
    public IReadOnlyList<Uri> Calls { get; init; } = [];

    /// <summary>How many tokens a second the answers have; null where it is no server of language models.</summary>
    public int? TokensPerSecond { get; init; }

    /// <summary>How many requests it handles at once; null for any number.</summary>
    public int? Slots { get; init; }

    /// <summary>Reads a pod's annotations.</summary>
    /// <exception cref="FormatException">One is wrong; the message names it.</exception>
    public static StandInSettings Read(V1Pod pod) =>
        new()
        {
            Latency = Read(pod, LatencyAnnotation, ReadDuration, "a duration, for example 20ms") ?? TimeSpan.Zero,
            ErrorRate = Read(pod, ErrorRateAnnotation, ReadPercent, "a percentage, for example 5%") ?? 0,
            TokensPerSecond = Read(pod, TokensAnnotation, ReadRate, "a rate, for example 50/s"),
            Slots = Read(pod, SlotsAnnotation, ReadNumber, "a number from 1 on, for example 4"),
            Calls =
            [
                .. Text(pod, CallsAnnotation)
                    .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                    .Select(text =>
                        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "grpc"
                            ? uri
                            : throw new FormatException(
                                $"metadata.annotations[{CallsAnnotation}]: '{text}' is not http://service/path or grpc://service:port"
                            )
                    ),
            ],
        };

    private static T? Read<T>(V1Pod pod, string annotation, Func<string, T?> read, string advice)
        where T : struct
    {
        var text = Text(pod, annotation);
        if (text.Length == 0)
            return null;
        return read(text) ?? throw new FormatException($"metadata.annotations[{annotation}]: '{text}' is not {advice}");
    }

    private static string Text(V1Pod pod, string annotation) =>
        pod.Metadata.Annotations is { } annotations && annotations.TryGetValue(annotation, out var text) ? text : string.Empty;

    private static TimeSpan? ReadDuration(string text) => MeshDuration.TryParse(text, out var duration) ? duration : null;

    private static int? ReadRate(string text) => text.EndsWith("/s", StringComparison.Ordinal) ? ReadNumber(text[..^2]) : null;

    private static int? ReadNumber(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : null;

    private static double? ReadPercent(string text) =>
        double.TryParse(text.TrimEnd('%'), NumberStyles.Float, CultureInfo.InvariantCulture, out var percent) && percent is >= 0 and <= 100
            ? percent / 100
            : null;
}
