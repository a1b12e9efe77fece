using System.Net.Security;

namespace MeshOperator.Proxy.Tls;

/// <summary>Cipher suites of TLS 1.2 under the names that Envoy (BoringSSL) has for them.</summary>
internal static class CipherSuites
{
    private static readonly Dictionary<string, TlsCipherSuite> Known = new(StringComparer.Ordinal)
    {
        ["ECDHE-ECDSA-AES128-GCM-SHA256"] = TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        ["ECDHE-ECDSA-AES256-GCM-SHA384"] = TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        ["ECDHE-ECDSA-CHACHA20-POLY1305"] = TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ["ECDHE-RSA-AES128-GCM-SHA256"] = TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ["ECDHE-RSA-AES256-GCM-SHA384"] = TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        ["ECDHE-RSA-CHACHA20-POLY1305"] = TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    };

    private static readonly TlsCipherSuite[] Tls13 =
    [
        TlsCipherSuite.TLS_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256,
    ];

    /// <summary>A policy of these suites, and those of TLS 1.3; null without any.</summary>
    /// <exception cref="ArgumentException">A suite is not known.</exception>
    public static CipherSuitesPolicy? Policy(IReadOnlyCollection<string> names)
    {
        if (names.Count == 0 || OperatingSystem.IsWindows() || OperatingSystem.IsAndroid())
            return null;

        // Envoy lets several be equal in brackets.
        var suites = names.SelectMany(name => name.Trim('[', ']').Split('|')).Select(Find);
        return new CipherSuitesPolicy([.. suites, .. Tls13]);
    }

    private static TlsCipherSuite Find(string name) =>
        Known.TryGetValue(name, out var suite)
            ? suite
            : throw new ArgumentException(
                $"the built-in proxy does not support the cipher suite {name}; it supports {string.Join(", ", Known.Keys)}"
            );
}
