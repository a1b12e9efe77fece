using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using k8s;
using MeshOperator.LocalCluster.Tests;
using Shouldly;
using Xunit;

[assembly: AssemblyFixture(typeof(ClusterFixture))]

namespace MeshOperator.LocalCluster.Tests;

/// <summary>One cluster for the tests that do not mind each other; each works in a namespace of its own.</summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    private static int _namespaces;
    private RunningCluster? _cluster;

    internal RunningCluster Cluster => _cluster!;

    public async ValueTask InitializeAsync() => _cluster = await RunningCluster.StartAsync(new LocalClusterOptions());

    public ValueTask DisposeAsync() => _cluster?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>A new namespace.</summary>
    internal async Task<string> NamespaceAsync()
    {
        var name = $"test-{Interlocked.Increment(ref _namespaces)}";
        await Cluster.CreateAsync("/api/v1/namespaces", $$$"""{"metadata":{"name":"{{{name}}}"}}""");
        return name;
    }
}

/// <summary>A cluster with its clients.</summary>
internal sealed class RunningCluster : IAsyncDisposable
{
    private readonly HttpClient _http;

    private RunningCluster(ApiServer server)
    {
        Server = server;
        var config = KubernetesClientConfiguration.BuildConfigFromConfigFile(new MemoryStream(Encoding.UTF8.GetBytes(server.Kubeconfig)));
        Client = new k8s.Kubernetes(config);
        AdminToken = config.AccessToken;
        var authority = X509Certificate2.CreateFromPem(server.CaCertificate);
        var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.Add(authority);
        _http = new HttpClient(handler) { BaseAddress = server.Address, Timeout = TimeSpan.FromSeconds(60) };
        Kubectl = new Kubectl(server.Kubeconfig);
    }

    public ApiServer Server { get; }

    public k8s.Kubernetes Client { get; }

    public string AdminToken { get; }

    public Kubectl Kubectl { get; }

    public static async Task<RunningCluster> StartAsync(LocalClusterOptions options) =>
        new(await ApiServer.StartAsync(options, TestContext.Current.CancellationToken));

    /// <summary>Sends a request as it is.</summary>
    public async Task<(int Code, JsonNode Body, HttpResponseMessage Response)> SendAsync(
        HttpMethod method,
        string path,
        string? body = null,
        string contentType = "application/json",
        string? token = null,
        string accept = "application/json"
    )
    {
        using var request = new HttpRequestMessage(method, path);
        if ((token ?? AdminToken).Length > 0)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token ?? AdminToken);
        request.Headers.TryAddWithoutValidation("Accept", accept);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue(contentType));
        var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return ((int)response.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text)! : JsonValue.Create(text)!, response);
    }

    public Task<(int Code, JsonNode Body, HttpResponseMessage Response)> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<(int Code, JsonNode Body, HttpResponseMessage Response)> PostAsync(string path, string body) =>
        SendAsync(HttpMethod.Post, path, body);

    public Task<(int Code, JsonNode Body, HttpResponseMessage Response)> PatchAsync(string path, string type, string body) =>
        SendAsync(HttpMethod.Patch, path, body, type);

    /// <summary>Creates what must succeed.</summary>
    public async Task<JsonNode> CreateAsync(string path, string body)
    {
        var (code, answer, _) = await PostAsync(path, body);
        code.ShouldBe(201, answer.ToJsonString());
        return answer;
    }

    /// <summary>Opens a watch; the stream is the caller's.</summary>
    public async Task<WatchReader> WatchAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", AdminToken);
        var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        return new WatchReader(response, await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        Kubectl.Dispose();
        Client.Dispose();
        _http.Dispose();
        await Server.DisposeAsync();
    }
}

/// <summary>Reads a watch line by line.</summary>
internal sealed class WatchReader(HttpResponseMessage response, Stream stream) : IDisposable
{
    private readonly StreamReader _lines = new(stream);

    /// <summary>The next event; null when the stream has ended.</summary>
    public async Task<(string Type, JsonNode Object)?> NextAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        var line = await _lines.ReadLineAsync(limit.Token);
        if (line is null)
            return null;
        var json = JsonNode.Parse(line)!;
        return ((string)json["type"]!, json["object"]!);
    }

    public async Task<string> NextNameAsync(string type)
    {
        var next = await NextAsync();
        next.ShouldNotBeNull();
        next.Value.Type.ShouldBe(type, next.Value.Object.ToJsonString());
        return (string)next.Value.Object["metadata"]!["name"]!;
    }

    public void Dispose()
    {
        _lines.Dispose();
        response.Dispose();
    }
}
