using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using k8s;

namespace MeshOperator.Benchmarks;

/// <summary>The injection webhook over HTTPS: at a steady rate, and with large pods. The operator is a process of its own; an idle API
/// server and the client are in this one.</summary>
internal sealed class WebhookLoad : IDisposable
{
    private const string Injection = "/mutate/pods";

    /// <summary>A path of the webhooks' port at which there is none: what client, TLS and the machine take by themselves.</summary>
    private const string Nothing = "/mutate/nothing";

    private const int UsualVariables = 12;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(10);
    private readonly HttpClient _client;

    private WebhookLoad(Uri address, string bundle)
    {
        var roots = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        roots.CustomTrustStore.ImportFromPem(bundle);
        _client = new HttpClient(
            new SocketsHttpHandler { SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = roots } }
        )
        {
            BaseAddress = address,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    /// <summary>Prints the latencies.</summary>
    /// <param name="rate">Requests a second.</param>
    /// <param name="duration">How long, after a warm-up.</param>
    /// <exception cref="InvalidOperationException">A pod came back without a sidecar, so that something else was measured.</exception>
    public static async Task MeasureAsync(int rate, TimeSpan duration)
    {
        await using var mesh = await SimulatedMesh.StartAsync(services: 10, endpoints: 1);
        await using var run = new MeshopRun(mesh.Kubeconfig, hasWebhooks: true);
        await run.StartAsync();
        await run.UntilReadyAsync();
        using var load = new WebhookLoad(run.Webhooks, await StreamTokens.RootsAsync(mesh.Client));
        foreach (var path in new[] { Injection, Nothing, Injection, Nothing })
        {
            await load.SteadyAsync(path, rate, WarmUp);
            var latencies = await load.SteadyAsync(path, rate, duration);
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{path}, {latencies.Count} requests, {rate} a second: p50 {Share(latencies, 0.5):0.0} ms, p90 "
                        + $"{Share(latencies, 0.9):0.0} ms, p99 {Share(latencies, 0.99):0.0} ms, p99.9 {Share(latencies, 0.999):0.0} ms, "
                        + $"most {latencies[^1]:0.0} ms"
                )
            );
        }

        foreach (var (variables, times) in new[] { (150, 400), (1_500, 100), (15_000, 20) })
        {
            var durations = await load.OneByOneAsync(variables, times);
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"a pod with {variables} environment variables, {times} times: median {Share(durations, 0.5):0.0} ms, most "
                        + $"{durations[^1]:0.0} ms"
                )
            );
        }
    }

    public void Dispose() => _client.Dispose();

    /// <summary>The nth of <paramref name="ordered"/> below which this share of them is.</summary>
    private static double Share(List<double> ordered, double share) => ordered[(int)Math.Ceiling(share * ordered.Count) - 1];

    /// <summary>Sends requests by the clock, whether those before are answered or not, and measures each from when it was due.</summary>
    /// <returns>Milliseconds, ordered.</returns>
    private async Task<List<double>> SteadyAsync(string path, int rate, TimeSpan duration)
    {
        var review = Review(UsualVariables);
        var start = Stopwatch.GetTimestamp();
        var pending = new List<Task<double>>();
        for (var i = 0; i < rate * duration.TotalSeconds; i++)
        {
            var due = TimeSpan.FromSeconds((double)i / rate);
            if (due - Stopwatch.GetElapsedTime(start) is { Ticks: > 0 } early)
                await Task.Delay(early, TimeProvider.System);
            pending.Add(SendAsync(path, review, start, due));
        }

        return [.. (await Task.WhenAll(pending)).Order()];
    }

    /// <summary>Sends a request when the one before is answered.</summary>
    /// <returns>Milliseconds, ordered.</returns>
    private async Task<List<double>> OneByOneAsync(int variables, int times)
    {
        var review = Review(variables);
        var durations = new List<double>();
        for (var i = 0; i < times; i++)
            durations.Add(await SendAsync(Injection, review, Stopwatch.GetTimestamp(), TimeSpan.Zero));
        durations.Sort();
        return durations;
    }

    private async Task<double> SendAsync(string path, byte[] review, long start, TimeSpan due)
    {
        using var content = new ByteArrayContent(review) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        using var response = await _client.PostAsync(new Uri(path, UriKind.Relative), content);
        var body = await response.Content.ReadAsByteArrayAsync();
        var took = Stopwatch.GetElapsedTime(start) - due;
        if (path == Injection && (!response.IsSuccessStatusCode || body.AsSpan().IndexOf("\"patch\""u8) < 0))
            throw new InvalidOperationException($"{response.StatusCode}: no sidecar was added");
        return took.TotalMilliseconds;
    }

    private static byte[] Review(int variables)
    {
        var pod = JsonNode.Parse(KubernetesJson.Serialize(SamplePod.Create("web-7d4b9c6f5d-abcde", "web", variables)));
        var review = new JsonObject
        {
            ["apiVersion"] = "admission.k8s.io/v1",
            ["kind"] = "AdmissionReview",
            ["request"] = new JsonObject
            {
                ["uid"] = "00000000-0000-0000-0000-000000000001",
                ["kind"] = new JsonObject
                {
                    ["group"] = string.Empty,
                    ["version"] = "v1",
                    ["kind"] = "Pod",
                },
                ["resource"] = new JsonObject
                {
                    ["group"] = string.Empty,
                    ["version"] = "v1",
                    ["resource"] = "pods",
                },
                ["namespace"] = LargeCluster.Namespace,
                ["operation"] = "CREATE",
                ["object"] = pod,
            },
        };
        return System.Text.Encoding.UTF8.GetBytes(review.ToJsonString());
    }
}
