using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Injection.Settings;

/// <summary>The kinds of values that settings have.</summary>
internal static partial class SettingValues
{
    public static (string Value, string? Advice) Image(string text)
    {
        if (!ImageReference().IsMatch(text))
            return (text, $"is not an image reference; write for example {EnvoyReleases.DefaultImage}");
        return (
            text,
            EnvoyReleases.FindBranch(text) < EnvoyReleases.OldestBranch
                ? $"is too old; use Envoy 1.{EnvoyReleases.OldestBranch} or later, for example {EnvoyReleases.DefaultImage}"
                : null
        );
    }

    public static (string Value, string? Advice) Concurrency(string text) =>
        (
            text,
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var threads) && threads is > 0 and <= 128
                ? null
                : "is not a number of threads; use a number from 1 to 128"
        );

    public static (int Value, string? Advice) Headers(string text) => Number(text, 100, 10_000, "is not a number of headers");

    /// <summary>Envoy takes no more than 8 MiB.</summary>
    public static (int Value, string? Advice) HeaderKib(string text) => Number(text, 60, 8192, "is not a number of KiB");

    /// <summary>The beginning of a statistic's name in Envoy.</summary>
    public static (string Value, string? Advice) Statistic(string text) =>
        (
            text,
            text == StatisticsSelection.All || StatisticName().IsMatch(text)
                ? null
                : "is not a prefix of a statistic's name; write for example cluster.outbound/80/shop/web., or * for all"
        );

    public static (string Value, string? Advice) LogLevel(string text) =>
        (
            text,
            SidecarChoices.LogLevels.Contains(text) ? null : $"is not a log level; use one of {string.Join(", ", SidecarChoices.LogLevels)}"
        );

    public static (string Value, string? Advice) SecretName(string text) =>
        (text, text.Length <= 253 && Subdomain().IsMatch(text) ? null : "is not the name of a Secret; write for example registry-login");

    public static (int Value, string? Advice) Port(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= 65535
            ? (port, null)
            : (0, "is not a port; write numbers from 1 to 65535, separated by commas, for example 6379,9090");

    /// <summary>A network, or a single address, which is a network of one.</summary>
    public static (string Value, string? Advice) Cidr(string text)
    {
        if (IPNetwork.TryParse(text, out var network))
            return (network.ToString(), null);
        return IPAddress.TryParse(text, out var address) && address.ScopeIdOrZero() == 0 && text.AsSpan().IndexOfAny('.', ':') >= 0
            ? (new IPNetwork(address, address.GetAddressBytes().Length * 8).ToString(), null)
            : (string.Empty, "is not a network; write for example 10.1.0.0/16,fd00::/8, separated by commas");
    }

    public static (bool Value, string? Advice) Boolean(string text) =>
        text switch
        {
            "true" => (true, null),
            "false" => (false, null),
            _ => (false, "is neither \"true\" nor \"false\""),
        };

    public static (Interception Value, string? Advice) Interception(string text) =>
        text switch
        {
            "redirect" => (Settings.Interception.Redirect, null),
            "external" or SidecarChoices.OlderWordForExternal => (Settings.Interception.External, null),
            "none" => (Settings.Interception.None, null),
            _ => (default, "is not an interception mode; use redirect, external or none"),
        };

    public static (InboundMode Value, string? Advice) Inbound(string text) =>
        text switch
        {
            "direct" => (InboundMode.Direct, null),
            "proxy" => (InboundMode.Proxy, null),
            _ => (default, "is not a mode of inbound traffic; use proxy or direct"),
        };

    public static (string Value, string? Advice) Duration(string text) =>
        (text, MeshDuration.TryParse(text, out _) ? null : DurationAttribute.Message);

    public static (string Value, string? Advice) DurationAboveZero(string text) =>
        Duration(text).Advice is { } wrong ? (text, wrong)
        : MeshDuration.Parse(text) > TimeSpan.Zero ? (text, null)
        : (text, "would never connect; use at least 1ms");

    /// <summary>Of connections or requests.</summary>
    public static (string? Value, string? Advice) Count(string text) => (text, Number(text, 1, 1_000_000, "is not a number").Advice);

    public static (string Value, string? Advice) Loopback(string text) =>
        IPAddress.TryParse(text, out var address) && IPAddress.IsLoopback(address)
            ? (address.ToString(), null)
            : (text, "is not a loopback address; write one of 127.0.0.0/8, for example 127.0.0.1");

    /// <summary>Whatever the pods' namespace is called, the forms are the same.</summary>
    public static (string Value, string? Advice) LocalPorts(string text) =>
        (text, LocalPortList.TryParse(text, "default", out _, out var wrong) ? null : $"is wrong: {wrong}");

    /// <summary>Whatever the pods' namespace is called, the forms are the same.</summary>
    public static (string Value, string? Advice) Upstreams(string text) =>
        (
            text,
            UpstreamList.TryParse(text, "default", out _, out var wrong)
                ? null
                : $"contains '{wrong}', which is not a service; write for example web, shop/web, shop/*, ./* or *"
        );

    public static (ResourceQuantity? Value, string? Advice) Quantity(string text)
    {
        const string advice = "is not a quantity; write for example 100m or 128Mi";
        try
        {
            var quantity = new ResourceQuantity(text);
            return quantity.ToDecimal() >= 0 ? (quantity, null) : (null, advice);
        }
        catch (Exception e) when (e is FormatException or ArgumentException or OverflowException)
        {
            return (null, advice);
        }
    }

    private static (int Value, string? Advice) Number(string text, int least, int most, string what) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? (number, null)
            : (0, $"{what}; use one from {least} to {most}");

    private static long ScopeIdOrZero(this IPAddress address) =>
        address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? address.ScopeId : 0;

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$")]
    private static partial Regex ImageReference();

    [GeneratedRegex("^[A-Za-z0-9_][A-Za-z0-9_./:-]{0,255}$")]
    private static partial Regex StatisticName();

    [GeneratedRegex("^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
    private static partial Regex Subdomain();
}
