using System.Globalization;
using k8s.Models;
using MeshOperator.Injection;

namespace MeshOperator.Snapshots;

/// <summary>Reads from a pod how many worker threads its proxy has.</summary>
internal static class ProxyThreads
{
    private const string Argument = "--concurrency";

    /// <summary>The number in the arguments of the proxy's container; 1 where there is none.</summary>
    public static int Read(V1Pod pod) =>
        (pod.Spec?.Containers ?? [])
            .Concat(pod.Spec?.InitContainers ?? [])
            .Where(container => container.Name == SidecarInjector.ContainerName)
            .Select(container => Find(container.Args))
            .FirstOrDefault(threads => threads is not null)
            is { } text
        && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number > 0
            ? number
            : 1;

    /// <summary>Of a container's arguments those that <see cref="Read"/> needs; null where there are none.</summary>
    public static IList<string>? Trim(V1Container container) =>
        container.Name == SidecarInjector.ContainerName && Find(container.Args) is { } threads ? [Argument, threads] : null;

    private static string? Find(IList<string>? arguments) =>
        arguments?.IndexOf(Argument) is { } at and >= 0 && at + 1 < arguments.Count ? arguments[at + 1] : null;
}
