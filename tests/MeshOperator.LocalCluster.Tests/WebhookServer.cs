using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace MeshOperator.LocalCluster.Tests;

/// <summary>An admission webhook over HTTPS on loopback.</summary>
internal sealed class WebhookServer : IAsyncDisposable
{
    private readonly WebApplication _host;
    private readonly X509Certificate2 _certificate;

    private WebhookServer(WebApplication host, X509Certificate2 certificate)
    {
        _host = host;
        _certificate = certificate;
        Port = new Uri(host.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
    }

    public int Port { get; }

    public string CaBundle => Convert.ToBase64String(Encoding.ASCII.GetBytes(_certificate.ExportCertificatePem()));

    /// <summary>Starts one whose answers a function makes of requests.</summary>
    public static async Task<WebhookServer> StartAsync(Func<JsonNode, JsonObject> answer, string dnsName = "localhost")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=webhook", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(dnsName);
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        var certificate = request.CreateSelfSigned(now.AddHours(-1), now.AddHours(1));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder
            .WebHost.UseKestrelCore()
            .UseKestrelHttpsConfiguration()
            .ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        var host = builder.Build();
        host.Run(async http =>
        {
            var review = (await JsonNode.ParseAsync(http.Request.Body))!;
            var response = answer(review["request"]!);
            response["uid"] = review["request"]!["uid"]!.DeepClone();
            await http.Response.WriteAsync(
                new JsonObject
                {
                    ["apiVersion"] = "admission.k8s.io/v1",
                    ["kind"] = "AdmissionReview",
                    ["response"] = response,
                }.ToJsonString()
            );
        });
        await host.StartAsync();
        return new WebhookServer(host, certificate);
    }

    public static JsonObject Allow(JsonArray? patch = null)
    {
        var response = new JsonObject { ["allowed"] = true };
        if (patch is null)
            return response;
        response["patchType"] = "JSONPatch";
        response["patch"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(patch.ToJsonString()));
        return response;
    }

    public static JsonObject Deny(string message) =>
        new()
        {
            ["allowed"] = false,
            ["status"] = new JsonObject { ["message"] = message, ["code"] = 403 },
        };

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        await _host.DisposeAsync();
        _certificate.Dispose();
    }
}
