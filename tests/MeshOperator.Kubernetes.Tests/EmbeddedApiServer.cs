using System.Text;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Tests;
using MeshOperator.LocalCluster;
using Xunit;

[assembly: AssemblyFixture(typeof(EmbeddedApiServer))]

namespace MeshOperator.Kubernetes.Tests;

/// <summary>A well-behaved API server for the tests that do not mind each other; each works in a namespace of its own. It is the embedded
/// one, or the one that <c>MESH_TEST_KUBECONFIG</c> names.</summary>
public sealed class EmbeddedApiServer : IAsyncLifetime
{
    private static int _namespaces;
    private ApiServer? _server;
    private string _kubeconfig = string.Empty;

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("MESH_TEST_KUBECONFIG") is { Length: > 0 } path)
        {
            _kubeconfig = await File.ReadAllTextAsync(path);
            return;
        }

        _server = await ApiServer.StartAsync(
            new LocalClusterOptions { WorkloadControllers = false },
            TestContext.Current.CancellationToken
        );
        _kubeconfig = _server.Kubeconfig;
    }

    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>A client of its own; the handlers stand between it and the server.</summary>
    internal k8s.Kubernetes Client(params DelegatingHandler[] handlers) =>
        new(KubernetesClientConfiguration.BuildConfigFromConfigFile(new MemoryStream(Encoding.UTF8.GetBytes(_kubeconfig))), handlers);

    /// <summary>A new namespace.</summary>
    internal async Task<string> NamespaceAsync()
    {
        var name = $"runtime-{Environment.ProcessId}-{Interlocked.Increment(ref _namespaces)}";
        using var client = Client();
        await new EntityClient<V1Namespace>(new KubernetesTransport(client, TimeProvider.System)).CreateAsync(
            new V1Namespace { Metadata = new V1ObjectMeta { Name = name } },
            TestContext.Current.CancellationToken
        );
        return name;
    }
}

/// <summary>A leadership that a test sets.</summary>
internal sealed class TestLeadership : LeaderElection.ILeadership, IDisposable
{
    private CancellationTokenSource _term = new();

    public event Action? Changed;

    public bool IsLeader { get; private set; } = true;

    public CancellationToken Term => _term.Token;

    public void Dispose() => _term.Dispose();

    public void Set(bool leads)
    {
        IsLeader = leads;
        if (leads)
            _term = new CancellationTokenSource();
        else
            _term.Cancel();
        Changed?.Invoke();
    }
}

/// <summary>A cable that can be pulled.</summary>
internal sealed class Cable : DelegatingHandler
{
    public bool IsCut { get; set; }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        IsCut
            ? throw new HttpRequestException(HttpRequestError.ResponseEnded, "the cable is cut")
            : base.SendAsync(request, cancellationToken);
}
