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

    /// <summary>How long each answer takes.</summary>
    public TimeSpan Latency { get; init; }

    /// <summary>The part of requests that is answered with 500, 0 to 1.</summary>
    public double ErrorRate { get; init; }

    /// <summary>What is called for each request.</summary>
    public IReadOnlyList<Uri> Calls { get; init; } = [];

    /// <summary>Reads a pod's annotations.</summary>
    /// <exception cref="FormatException">One is wrong; the message names it.</exception>
    public static StandInSettings Read(V1Pod pod) =>
        new()
        {
            Latency = Read(pod, LatencyAnnotation, ReadDuration, "a duration, for example 20ms") ?? TimeSpan.Zero,
            ErrorRate = Read(pod, ErrorRateAnnotation, ReadPercent, "a percentage, for example 5%") ?? 0,
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

    private static double? ReadPercent(string text) =>
        double.TryParse(text.TrimEnd('%'), NumberStyles.Float, CultureInfo.InvariantCulture, out var percent) && percent is >= 0 and <= 100
            ? percent / 100
            : null;
}
