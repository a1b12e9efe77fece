using System.Globalization;
using System.Net;
using MeshOperator.Api.Policies;

namespace MeshOperator.Settings;

/// <summary>The hosts besides the Services of their own namespace that checks of gradual shifts may ask.</summary>
internal sealed record CheckHosts
{
    private const string OptionName = "--shift-check-hosts";

    private readonly IReadOnlyList<ListedHost> _listed;

    private CheckHosts(IReadOnlyList<ListedHost> listed) => _listed = listed;

    /// <summary>None.</summary>
    public static CheckHosts None { get; } = new([]);

    /// <summary>Reads <c>HOST</c> or <c>HOST:PORT</c>, separated by commas.</summary>
    /// <exception cref="FormatException">One is not of that form; the message names it.</exception>
    public static CheckHosts Parse(string text) =>
        new([.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(ListedHost.Parse)]);

    /// <summary>Whether a URL's host and port are listed.</summary>
    public bool Include(CheckUrl url) => _listed.Any(listed => listed.Matches(url));

    /// <summary>Why a check of a namespace may not ask a URL, whatever is there; null when it may.</summary>
    public string? FindRefusal(CheckUrl url, string ns)
    {
        if (Include(url))
            return null;
        if (url.FindService(ns) is not { } service || service.Namespace != ns)
            return $"'{url.Host}' is not a Service of the namespace {ns}; name one of its Services, for example http://judge/check, "
                + $"or have the host listed by the operator's option {OptionName}";
        return url.IsHttps
            ? $"'{url}' is https to a Service; write http, which the mesh encrypts where the Service's pods are of it"
            : null;
    }

    /// <summary>A host, and its port unless all are meant.</summary>
    private sealed record ListedHost(string Host, int? Port)
    {
        public static ListedHost Parse(string text)
        {
            if (
                Uri.TryCreate($"http://{text}", UriKind.Absolute, out var uri)
                && uri is { PathAndQuery: "/", UserInfo: "", Fragment: "" }
                && (uri.HostNameType is not UriHostNameType.Dns || uri.Host.Contains('.', StringComparison.Ordinal))
            )
                return new ListedHost(
                    new CheckUrl(uri).Host,
                    text.EndsWith(string.Create(CultureInfo.InvariantCulture, $":{uri.Port}"), StringComparison.Ordinal) ? uri.Port : null
                );
            throw new FormatException(
                $"{OptionName}: '{text}' is not a host that can be listed; write HOST or HOST:PORT, for example "
                    + "prometheus.monitoring.svc:9090"
            );
        }

        public bool Matches(CheckUrl url) =>
            (Port is null || Port == url.Port)
            && (Host == url.Host || SameAddress(url) || (FindService() is { } own && own == FindService(url)));

        private bool SameAddress(CheckUrl url) =>
            IPAddress.TryParse(Host, out var own) && IPAddress.TryParse(url.Host, out var other) && own.Equals(other);

        private (string Namespace, string Name)? FindService() => Host.Split('.') is [var name, var ns, "svc", ..] ? (ns, name) : null;

        /// <summary>A short name is one of the namespace that it is in, which is not what is listed.</summary>
        private static (string Namespace, string Name)? FindService(CheckUrl url) =>
            url.Host.Contains('.', StringComparison.Ordinal) ? url.FindService(string.Empty) : null;
    }
}
