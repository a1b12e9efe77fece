using System.Diagnostics.CodeAnalysis;

namespace MeshOperator.Api.Policies;

/// <summary>The address that a check of a gradual shift asks.</summary>
/// <param name="Url">The whole URL.</param>
public sealed record CheckUrl(Uri Url)
{
    /// <summary>The longest URL.</summary>
    public const int Longest = 1024;

    /// <summary>What the schema demands of it.</summary>
    public const string Pattern = @"^https?://[^@#\s]+$";

    /// <summary>Its host, in lower case, without the brackets of IPv6.</summary>
    public string Host { get; } = Url.IdnHost.ToLowerInvariant().TrimEnd('.');

    /// <summary>Its port.</summary>
    public int Port => Url.Port;

    /// <summary>Whether TLS to the host is demanded.</summary>
    public bool IsHttps => Url.Scheme == Uri.UriSchemeHttps;

    /// <summary>Reads a URL.</summary>
    /// <param name="text">The text.</param>
    /// <param name="url">What it is.</param>
    /// <param name="problem">Why it is not one that may be asked, and what to write instead.</param>
    public static bool TryParse(string? text, [NotNullWhen(true)] out CheckUrl? url, [NotNullWhen(false)] out string? problem)
    {
        (url, problem) = (null, null);
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Host.Length == 0)
            problem = $"'{text}' is not an address to ask; write for example http://judge/check";
        else if (uri.UserInfo.Length > 0 || text!.Contains('@', StringComparison.Ordinal))
            problem = "it has a user in it, and nothing is sent with it; leave out what stands before @";
        else if (uri.Fragment.Length > 0 || text.Contains('#', StringComparison.Ordinal))
            problem = $"'{text}' has a fragment, which no server gets; leave out # and what follows";
        else
            url = new CheckUrl(uri);
        return problem is null;
    }

    /// <summary>The Service that the host names, seen from a namespace: <c>NAME</c>, <c>NAME.NAMESPACE</c>, <c>….svc</c> or
    /// <c>….svc.DOMAIN</c>; null when it cannot be one.</summary>
    /// <param name="ns">The namespace in which a short name is meant.</param>
    public (string Namespace, string Name)? FindService(string ns) =>
        Url.HostNameType is not UriHostNameType.Dns
            ? null
            : Host.Split('.') switch
            {
                [var name] => (ns, name),
                [var name, var other] => (other, name),
                [var name, var other, "svc", ..] => (other, name),
                _ => null,
            };

    /// <inheritdoc/>
    public override string ToString() => Url.AbsoluteUri;
}
