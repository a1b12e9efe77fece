using System.Globalization;
using MeshOperator.Api;
using MeshOperator.Injection;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Snapshots;

/// <summary>Reads how a proxy connects to its application. What is wrong in an annotation is as if it were not there: admission refuses it,
/// but nobody is asked when it is changed.</summary>
internal static class ApplicationSettings
{
    /// <summary>What the annotations of a pod say; null when they say nothing of it.</summary>
    public static ApplicationConnection? Read(IDictionary<string, string>? annotations)
    {
        if (annotations is null)
            return null;
        var settings = new ApplicationConnection
        {
            IdleTimeout = Duration(Find(annotations, SidecarAnnotations.ApplicationIdleTimeout)),
            ConnectTimeout =
                Duration(Find(annotations, SidecarAnnotations.ApplicationConnectTimeout)) is { } connect && connect > TimeSpan.Zero
                    ? connect
                    : null,
            MaxConnections = Count(Find(annotations, SidecarAnnotations.ApplicationMaxConnections)),
            RequestsPerConnection = Count(Find(annotations, SidecarAnnotations.ApplicationRequestsPerConnection)),
        };
        return settings == new ApplicationConnection() ? null : settings;
    }

    /// <summary>The operator's own settings, which it has checked when it started.</summary>
    public static ApplicationConnection Read(InjectionOptions options) =>
        new ApplicationConnection
        {
            IdleTimeout = Duration(options.ApplicationIdleTimeout),
            ConnectTimeout = Duration(options.ApplicationConnectTimeout),
            MaxConnections = Count(options.ApplicationMaxConnections),
            RequestsPerConnection = Count(options.ApplicationRequestsPerConnection),
        }.Or(ApplicationConnection.Default);

    private static string? Find(IDictionary<string, string> annotations, string name) =>
        annotations.TryGetValue(name, out var text) ? text : null;

    private static TimeSpan? Duration(string? text) => MeshDuration.TryParse(text, out var duration) ? duration : null;

    private static int? Count(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0 ? count : null;
}
