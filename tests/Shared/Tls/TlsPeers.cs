using System.Formats.Asn1;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Xunit;

namespace MeshOperator.Testing;

/// <summary>One end of mutual TLS.</summary>
/// <param name="Chain">Its certificate and those above, PEM.</param>
/// <param name="Key">Its key, PEM.</param>
/// <param name="Roots">Whom it trusts, PEM.</param>
/// <param name="Expected">The only identity that it talks to.</param>
internal sealed record TlsPeer(string Chain, string Key, string Roots, string Expected);

/// <summary>Two ends that shake hands as proxies do: each verifies the other's certificate against its roots, and its identity.</summary>
internal static class TlsPeers
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Connects them and sends a byte each way. Throws <see cref="System.Security.Authentication.AuthenticationException"/> or
    /// <see cref="IOException"/> when one refuses the other.</summary>
    public static async Task ConnectAsync(TlsPeer server, TlsPeer client)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var outgoing = new TcpClient();
        var accepting = listener.AcceptTcpClientAsync(Cancellation).AsTask();
        await outgoing.ConnectAsync((IPEndPoint)listener.LocalEndpoint, Cancellation);
        using var incoming = await accepting;
        await Task.WhenAll(ServeAsync(incoming, server), CallAsync(outgoing, client));
    }

    /// <summary>The URI of a certificate's subject alternative names; fails when there is not exactly one name.</summary>
    public static string ReadSpiffeId(X509Certificate2 certificate)
    {
        var names = new AsnReader(
            certificate.Extensions.First(e => e.Oid!.Value == "2.5.29.17").RawData,
            AsnEncodingRules.DER
        ).ReadSequence();
        var id = names.ReadCharacterString(UniversalTagNumber.IA5String, new Asn1Tag(TagClass.ContextSpecific, 6));
        names.ThrowIfNotEmpty();
        return id;
    }

    private static async Task ServeAsync(TcpClient connection, TlsPeer self)
    {
        using (connection)
        await using (var stream = new SslStream(connection.GetStream()))
        {
            await stream.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions
                {
                    ServerCertificateContext = Context(self),
                    ClientCertificateRequired = true,
                    RemoteCertificateValidationCallback = (_, peer, chain, _) => IsExpected(peer, chain, self),
                },
                Cancellation
            );
            await ExchangeAsync(stream);
        }
    }

    private static async Task CallAsync(TcpClient connection, TlsPeer self)
    {
        using (connection)
        await using (var stream = new SslStream(connection.GetStream()))
        {
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = "peer",
                    ClientCertificateContext = Context(self),
                    RemoteCertificateValidationCallback = (_, peer, chain, _) => IsExpected(peer, chain, self),
                },
                Cancellation
            );
            await ExchangeAsync(stream);
        }
    }

    /// <summary>With TLS 1.3 a client learns only now whether the server took its certificate.</summary>
    private static async Task ExchangeAsync(SslStream stream)
    {
        await stream.WriteAsync(new byte[1], Cancellation);
        await stream.ReadExactlyAsync(new byte[1], Cancellation);
    }

    private static SslStreamCertificateContext Context(TlsPeer self)
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(self.Chain);
        return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPem(self.Chain, self.Key), chain, offline: true);
    }

    private static bool IsExpected(X509Certificate? peer, X509Chain? sent, TlsPeer self)
    {
        if (peer is not X509Certificate2 certificate)
            return false;
        using var verifier = new X509Chain();
        verifier.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        verifier.ChainPolicy.CustomTrustStore.ImportFromPem(self.Roots);
        verifier.ChainPolicy.ExtraStore.AddRange(sent!.ChainPolicy.ExtraStore);
        verifier.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return verifier.Build(certificate) && ReadSpiffeId(certificate) == self.Expected;
    }
}
