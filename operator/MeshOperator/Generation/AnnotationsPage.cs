using System.Reflection;
using MeshOperator.Api;
using MeshOperator.Injection;

namespace MeshOperator.Generation;

/// <summary><c>docs/reference/annotations.md</c>: labels and annotations, from the constants that name them.</summary>
internal static class AnnotationsPage
{
    private static readonly InjectionOptions Defaults = new();

    /// <summary>The chart value that sets the same for all sidecars, and the default.</summary>
    private static readonly Dictionary<string, (string ChartValue, string Default)> Settings = new(StringComparer.Ordinal)
    {
        [SidecarAnnotations.ProxyCpu] = ("proxy.resources.requests.cpu", Defaults.ProxyCpu),
        [SidecarAnnotations.ProxyMemory] = ("proxy.resources.requests.memory", Defaults.ProxyMemory),
        [SidecarAnnotations.ProxyCpuLimit] = ("proxy.resources.limits", Defaults.ProxyCpuLimit),
        [SidecarAnnotations.ProxyMemoryLimit] = ("proxy.resources.limits", Defaults.ProxyMemoryLimit),
        [SidecarAnnotations.InitCpu] = ("interception.resources.requests", Defaults.InitCpu),
        [SidecarAnnotations.InitMemory] = ("interception.resources.requests", Defaults.InitMemory),
        [SidecarAnnotations.InitCpuLimit] = ("interception.resources.limits", Defaults.InitCpuLimit),
        [SidecarAnnotations.InitMemoryLimit] = ("interception.resources.limits", Defaults.InitMemoryLimit),
        [SidecarAnnotations.ProxyConcurrency] = ("proxy.concurrency", Defaults.ProxyConcurrency),
        [SidecarAnnotations.ProxyStatistics] = ("proxy.statistics", Defaults.ProxyStatistics),
        [SidecarAnnotations.ProxyMaxHeaders] = ("proxy.maxHeaders", Defaults.ProxyMaxHeaders),
        [SidecarAnnotations.ProxyMaxHeaderKib] = ("proxy.maxHeaderKib", Defaults.ProxyMaxHeaderKib),
        [SidecarAnnotations.ApplicationIdleTimeout] = ("proxy.application.idleTimeout", Defaults.ApplicationIdleTimeout),
        [SidecarAnnotations.ApplicationConnectTimeout] = ("proxy.application.connectTimeout", Defaults.ApplicationConnectTimeout),
        [SidecarAnnotations.ApplicationMaxConnections] = ("proxy.application.maxConnections", Defaults.ApplicationMaxConnections),
        [SidecarAnnotations.ApplicationRequestsPerConnection] = (
            "proxy.application.requestsPerConnection",
            Defaults.ApplicationRequestsPerConnection
        ),
        [SidecarAnnotations.ProxyImage] = ("proxy.image", Defaults.ProxyImage),
        [SidecarAnnotations.ImagePullSecrets] = ("proxy.imagePullSecrets", Defaults.ImagePullSecrets),
        [SidecarAnnotations.ProxyLogLevel] = ("proxy.logLevel", Defaults.ProxyLogLevel),
        [SidecarAnnotations.ExcludeInboundPorts] = ("interception.excludeInboundPorts", Defaults.ExcludeInboundPorts),
        [SidecarAnnotations.ExcludeOutboundPorts] = ("interception.excludeOutboundPorts", Defaults.ExcludeOutboundPorts),
        [SidecarAnnotations.ExcludeOutboundCidrs] = ("interception.excludeOutboundCidrs", Defaults.ExcludeOutboundCidrs),
        [SidecarAnnotations.NativeSidecar] = ("proxy.native", string.Empty),
        [SidecarAnnotations.Interception] = ("interception.mode", Defaults.Interception),
        [SidecarAnnotations.Inbound] = ("interception.inbound", Defaults.Inbound),
        [SidecarAnnotations.LocalPorts] = (string.Empty, string.Empty),
        [SidecarAnnotations.ApplicationAddress] = (string.Empty, "127.0.0.1"),
        [SidecarAnnotations.ProxyAddress] = (string.Empty, "127.0.0.1"),
        [SidecarAnnotations.Upstreams] = ("defaultUpstreams", "*"),
    };

    public static string Create()
    {
        var docstrings = new Docstrings(typeof(MeshNames).Assembly);
        var page = new Markdown("Labels and annotations", "the constants of the program and their docstrings");
        page.Heading(2, "Opting in and out")
            .Table(
                ["Label", "On", "Meaning"],
                [Row(docstrings, nameof(MeshNames.InjectionLabel), "Namespace"), Row(docstrings, nameof(MeshNames.InjectLabel), "Pod")]
            );
        page.Heading(2, "Sidecar settings")
            .Paragraph(
                "Set on a pod (in a workload: on `spec.template.metadata`), an annotation takes precedence over the chart value. "
                    + "The webhook rejects a pod whose annotation has an invalid value. "
                    + $"`{SidecarAnnotations.Upstreams}` also works on a namespace, for all its pods without one."
            );
        page.Table(["Annotation", "Chart value", "Default", "Meaning"], SidecarAnnotations.All.Select(name => Setting(docstrings, name)));
        page.Heading(2, "Certificate authority")
            .Table(
                ["Annotation", "On", "Meaning"],
                [
                    Row(docstrings, nameof(MeshNames.RotateAnnotation), "MeshCertificateAuthority, Secret"),
                    Row(docstrings, nameof(MeshNames.ShiftAnnotation), "TrafficSplit"),
                ]
            );
        page.Heading(2, "Written by the operator")
            .Paragraph("Do not set these. They show what injection did.")
            .Table(
                ["Name", "On", "Meaning"],
                [
                    Row(docstrings, nameof(MeshNames.StatusAnnotation), "Pod"),
                    Row(docstrings, nameof(MeshNames.ProbesAnnotation), "Pod"),
                    Row(docstrings, nameof(MeshNames.DirectPortsAnnotation), "Pod"),
                    Row(docstrings, nameof(MeshNames.InboundModeAnnotation), "Pod"),
                    Row(docstrings, nameof(MeshNames.SharedLimitsAnnotation), "Pod"),
                    Row(docstrings, nameof(MeshNames.CompletionAnnotation), "Pod"),
                    Row(docstrings, nameof(MeshNames.NotInjectedAnnotation), "Pod"),
                    Row(docstrings, nameof(MeshNames.ProxyLabel), "Pod (label)"),
                    Row(docstrings, nameof(MeshNames.ManagedByLabel), "ConfigMap (label)"),
                ]
            );
        return page.ToString();
    }

    private static string[] Row(Docstrings docstrings, string constant, string on)
    {
        var field = typeof(MeshNames).GetField(constant)!;
        return [Markdown.Code((string)field.GetRawConstantValue()!), on, Whole(docstrings, field)];
    }

    private static string[] Setting(Docstrings docstrings, string name)
    {
        if (!Settings.TryGetValue(name, out var setting))
            throw new InvalidOperationException($"{nameof(AnnotationsPage)} lacks {name}");
        var field = typeof(SidecarAnnotations).GetFields().Single(f => f.IsLiteral && (string)f.GetRawConstantValue()! == name);
        return [Markdown.Code(name), Markdown.Code(setting.ChartValue), Markdown.Code(setting.Default), Whole(docstrings, field)];
    }

    private static string Whole(Docstrings docstrings, FieldInfo field) =>
        $"{docstrings.Summary(field)} {docstrings.Remarks(field)}".Trim();
}
