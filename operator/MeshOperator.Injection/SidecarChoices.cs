using MeshOperator.Injection.Settings;

namespace MeshOperator.Injection;

/// <summary>The words that settings of sidecars can have, as people write them.</summary>
public static class SidecarChoices
{
    /// <summary>Of <see cref="InjectionOptions.ProxyLogLevel"/>: Envoy's own.</summary>
    public static IReadOnlyList<string> LogLevels { get; } = ["trace", "debug", "info", "warning", "error", "critical", "off"];

    /// <summary>A word for <c>external</c> that is accepted as well.</summary>
    public const string OlderWordForExternal = "cni";

    /// <summary>Of <see cref="InjectionOptions.Interception"/>.</summary>
    public static IReadOnlyList<string> InterceptionModes { get; } = Words<Interception>();

    /// <summary>Of <see cref="InjectionOptions.Inbound"/>.</summary>
    public static IReadOnlyList<string> InboundModes { get; } = Words<InboundMode>();

    /// <summary>Of <see cref="InjectionOptions.NativeSidecars"/>.</summary>
    public static IReadOnlyList<string> NativeSidecarModes { get; } = Words<NativeSidecarMode>();

    private static string[] Words<TEnum>()
        where TEnum : struct, Enum => [.. Enum.GetNames<TEnum>().Select(name => name.ToLowerInvariant())];
}
