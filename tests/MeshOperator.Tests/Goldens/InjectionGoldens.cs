using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Offline;
using MeshOperator.Testing;
using MeshOperator.Webhooks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Goldens;

/// <summary>What users apply, and what pods become of it: the cases of <c>tests/testdata/injection</c>. A comment <c># kubernetes: 1.28</c>
/// at the top of a case is the cluster's version, <c># show:</c> the files to show.</summary>
public sealed class InjectionGoldens : IAsyncLifetime
{
    private const string Suite = "injection";
    private const string Namespace = "default";
    private readonly HttpClient _http = new();
    private WebApplication? _app;

    public static TheoryData<string> Cases => [.. GoldenCase.FindNames(Suite)];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_app is not null)
            await _app.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_case_becomes_what_its_out_folder_shows(string name)
    {
        var golden = new GoldenCase(name, Suite);
        golden.Compare(new InjectionOutput(Injector(golden), Namespace).Files(golden));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task The_webhook_makes_the_same_of_a_pod_as_meshop_inject_makes_of_its_template(string name)
    {
        var golden = new GoldenCase(name, Suite);
        await ServeAsync(Injector(golden));
        var sent = ManifestReader.Read(golden.Manifests).Where(m => InjectionOutput.Template(m) is not null).ToList();
        sent.ShouldNotBeEmpty();
        string? refusal = null;
        var offline = new List<JsonObject>();
        try
        {
            offline.AddRange(
                ManifestReader
                    .Read(new ManifestInjector(Injector(golden), Namespace, PodTemplatePaths.Known).Inject(golden.Manifests).Yaml)
                    .Where(m => InjectionOutput.Template(m) is not null)
            );
        }
        catch (ManifestException e)
        {
            refusal = e.Message;
        }

        foreach (var (index, manifest) in sent.Index())
        {
            var pod = Pod(InjectionOutput.Template(manifest)!);
            var ns = (string?)manifest["metadata"]?["namespace"] ?? Namespace;
            var response = await ReviewAsync(pod, ns);
            if (refusal is not null)
            {
                ((bool)response["allowed"]!).ShouldBeFalse();
                var reason = ((string)response["status"]!["message"]!)["The sidecar cannot be added: ".Length..^1];
                refusal.ShouldEndWith(reason);
                continue;
            }

            var injected = Patched(pod, response);
            var expected = Pod(InjectionOutput.Template(offline[index])!);
            if (!JsonNode.DeepEquals(injected, expected))
                ManifestYaml.Write(injected).ShouldBe(ManifestYaml.Write(expected));
            (await ReviewAsync(injected, ns))["patch"].ShouldBeNull("an injected pod is not changed again");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Injected_again_a_case_stays_as_it_is(string name)
    {
        var golden = new GoldenCase(name, Suite);
        var injector = new ManifestInjector(Injector(golden), Namespace, PodTemplatePaths.Known);
        if (InjectionOutput.IsRefused(golden))
            return;
        var once = injector.Inject(golden.Manifests).Yaml;
        injector.Inject(once).Yaml.ShouldBe(once);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Envoys_definitions_accept_the_bootstraps_of_a_case(string name)
    {
        var golden = new GoldenCase(name, Suite);
        if (InjectionOutput.IsRefused(golden))
            return;
        var file = Path.GetTempFileName();
        try
        {
            foreach (var bootstrap in new InjectionOutput(Injector(golden), Namespace).Bootstraps(golden))
            {
                bootstrap.Insert(0, "@type", "type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap");
                await File.WriteAllTextAsync(file, bootstrap.ToJsonString(), Cancellation);
                // The kubelet does not look at the certificate of an application either.
                var (status, output) = await XdsCheck.RunAsync("validate", "--strict", "--ignore", "TLS_NO_VALIDATION", file);
                status.ShouldBe(0, output);
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_real_Envoy_accepts_the_bootstraps_of_a_case(string name)
    {
        var golden = new GoldenCase(name, Suite);
        if (InjectionOutput.IsRefused(golden))
            return;
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            // What the kubelet mounts: the proxy reads it when it starts.
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, ProxyBootstrap.TokenFile), "token", Cancellation);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, MeshNames.CaCertificateKey), AnyCertificate(), Cancellation);
            foreach (var bootstrap in new InjectionOutput(Injector(golden), Namespace).Bootstraps(golden))
            {
                var mounted = bootstrap
                    .ToJsonString()
                    .Replace(ProxyBootstrap.TokenFolder, folder.FullName)
                    .Replace(ProxyBootstrap.TrustFolder, folder.FullName)
                    .Replace(ProxyBootstrap.AdminFolder, folder.FullName);
                var (status, output) = await EnvoyProgram.ValidateAsync(mounted);
                status.ShouldBe(0, output);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string AnyCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=any", key, HashAlgorithmName.SHA256).CreateSelfSigned(
            DateTimeOffset.UnixEpoch,
            DateTimeOffset.UnixEpoch.AddYears(100)
        );
        return certificate.ExportCertificatePem();
    }

    /// <summary>The injector that a case asks for; the usual one where there is none.</summary>
    internal static SidecarInjector Injector(GoldenCase? golden) =>
        new(
            new InjectionOptions
            {
                Version = "1.2.3",
                InitImage = "ghcr.io/meshoperator/mesh-init:1.2.3",
                KubernetesVersion = KubernetesVersion.Parse(golden?.Directives.Value("kubernetes") ?? "1.33"),
            }
        );

    private async Task ServeAsync(SidecarInjector injector)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton(injector);
        builder.Services.AddSingleton<MutationWebhook<V1Pod>, PodInjectionWebhook>();
        _app = builder.Build();
        _app.MapMutationWebhook<V1Pod>();
        await _app.StartAsync(Cancellation);
        _http.BaseAddress = new Uri(_app.Urls.Single());
    }

    private async Task<JsonObject> ReviewAsync(JsonObject pod, string ns)
    {
        var review = new JsonObject
        {
            ["apiVersion"] = "admission.k8s.io/v1",
            ["kind"] = "AdmissionReview",
            ["request"] = new JsonObject
            {
                ["uid"] = "1",
                ["operation"] = "CREATE",
                ["namespace"] = ns,
                ["object"] = pod.DeepClone(),
            },
        };
        using var content = new StringContent(review.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await _http.PostAsync(new Uri("/mutate/pods", UriKind.Relative), content, Cancellation);
        return (JsonObject)JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!["response"]!;
    }

    private static JsonObject Patched(JsonObject pod, JsonObject response)
    {
        ((bool)response["allowed"]!).ShouldBeTrue(response.ToJsonString());
        return response["patch"] is { } patch
            ? JsonPatch.Apply(pod, (JsonArray)JsonNode.Parse(Convert.FromBase64String((string)patch!))!)
            : pod;
    }

    private static JsonObject Pod(JsonObject template) =>
        new(
            new[] { "metadata", "spec" }
                .Where(template.ContainsKey)
                .Select(field => KeyValuePair.Create(field, template[field]?.DeepClone()))
        );
}
