using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Grpc.Core;
using MeshOperator.Xds.Server;

namespace MeshOperator.Proxy.Tests.Support;

/// <summary>What a proxy needs to find the operator: its address, the roots of its certificate, and a token.</summary>
internal sealed class DiscoveryFiles : INodeAuthenticator, IDisposable
{
    public const int Port = 15012;

    private readonly string _folder = Directory.CreateTempSubdirectory("meshoperator-proxy-").FullName;
    private int _token;

    public DiscoveryFiles(string address)
    {
        Address = address;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=operator", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Parse(address));
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddHours(-1), now.AddDays(1));
        Certificate = X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
        File.WriteAllText(Path.Combine(_folder, "ca.crt"), certificate.ExportCertificatePem());
        RenewToken();
    }

    public string Address { get; }

    public X509Certificate2 Certificate { get; }

    /// <summary>Only the last token is accepted from now on.</summary>
    public void RenewToken() =>
        File.WriteAllText(Path.Combine(_folder, "token"), string.Create(CultureInfo.InvariantCulture, $"token-{++_token}"));

    public ValueTask<NodeAuthentication> AuthenticateAsync(ServerCallContext context, string nodeId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(
            context.RequestHeaders.GetValue("authorization") == string.Create(CultureInfo.InvariantCulture, $"Bearer token-{_token}")
                ? NodeAuthentication.Accepted
                : NodeAuthentication.Refused(StatusCode.Unauthenticated, RefusalReason.InvalidToken, "the token is not the last one")
        );

    /// <summary>The connection as the injector writes it.</summary>
    public JsonObject Connection() =>
        new()
        {
            ["target_uri"] = $"{Address}:{Port}",
            ["stat_prefix"] = "ads",
            ["credentials_factory_name"] = "envoy.grpc_credentials.file_based_metadata",
            ["channel_credentials"] = new JsonObject
            {
                ["ssl_credentials"] = new JsonObject { ["root_certs"] = new JsonObject { ["filename"] = Path.Combine(_folder, "ca.crt") } },
            },
            ["call_credentials"] = new JsonArray(
                new JsonObject
                {
                    ["from_plugin"] = new JsonObject
                    {
                        ["name"] = "envoy.grpc_credentials.file_based_metadata",
                        ["typed_config"] = new JsonObject
                        {
                            ["@type"] = "type.googleapis.com/envoy.config.grpc_credential.v3.FileBasedMetadataConfig",
                            ["secret_data"] = new JsonObject { ["filename"] = Path.Combine(_folder, "token") },
                            ["header_key"] = "authorization",
                            ["header_prefix"] = "Bearer ",
                        },
                    },
                }
            ),
        };

    public void Dispose()
    {
        Certificate.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
