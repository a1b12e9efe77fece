using MeshOperator.Local.Traffic;

namespace MeshOperator.Local.Screen;

/// <summary>A pod, for people.</summary>
/// <param name="Name">Namespace and name.</param>
/// <param name="Address">Its address.</param>
/// <param name="State">Whether it is ready, starts or ends.</param>
/// <param name="Proxy">What its proxy is; empty without one.</param>
/// <param name="Restarts">How often its proxy was started again.</param>
/// <param name="Requests">How many requests its application has had.</param>
/// <param name="Problem">What went wrong last; null when it is well.</param>
internal sealed record PodView(string Name, string Address, string State, string Proxy, int Restarts, long Requests, string? Problem);

/// <summary>A policy, for people.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Name">Namespace and name.</param>
/// <param name="Accepted">The status of its condition Accepted.</param>
/// <param name="Programmed">The status of its condition Programmed.</param>
/// <param name="Proxies">How many proxies have acknowledged it, of how many.</param>
/// <param name="Message">The message of a condition that is not true; null when all are.</param>
internal sealed record PolicyView(string Kind, string Name, string Accepted, string Programmed, string Proxies, string? Message);

/// <summary>What a local mesh shows of itself.</summary>
/// <param name="Proxy">What runs as proxy.</param>
/// <param name="Pods">The pods, by name.</param>
/// <param name="Traffic">What went to which version of which service in the last seconds.</param>
/// <param name="Policies">The policies, by kind and name.</param>
/// <param name="Requests">How many requests there were since the start.</param>
/// <param name="Failed">How many of them failed.</param>
internal sealed record MeshView(
    string Proxy,
    IReadOnlyList<PodView> Pods,
    IReadOnlyList<TrafficRow> Traffic,
    IReadOnlyList<PolicyView> Policies,
    long Requests,
    long Failed
);
