using System.Net;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd;

/// <summary>A scenario whose tests have one namespace in common, with the same workloads, as to start proxies takes longest of all.
/// Policies are each test's own: they are deleted after it.</summary>
public abstract class SharedScenario : Scenario, IClassFixture<SharedNamespace>
{
    private readonly string _name;
    private readonly int _proxies;
    private readonly Turn _turn;

    /// <summary>Made by each test's class.</summary>
    /// <param name="mesh">The suite's mesh.</param>
    /// <param name="shared">What the class's tests have in common.</param>
    /// <param name="name">The beginning of the namespace's name.</param>
    /// <param name="proxies">How many proxies it has.</param>
    /// <param name="turn">How the class gets along with others.</param>
    private protected SharedScenario(TestMesh mesh, SharedNamespace shared, string name, int proxies, Turn turn = Turn.Together)
        : base(mesh) => (Shared, _name, _proxies, _turn) = (shared, name, proxies, turn);

    internal TestNamespace Namespace => Shared!.Namespace;

    /// <inheritdoc/>
    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await Shared!.MakeAsync(Mesh, _name, _proxies, _turn, DeployAsync);
    }

    /// <summary>A further Service of a workload's pods, of this test's own: policies on it are nobody else's, whatever is left of
    /// them.</summary>
    /// <returns>Its name.</returns>
    internal async Task<string> AliasAsync(string workload, params Port[] ports)
    {
        var name = Mesh.UniqueName(workload);
        await Shared!.Namespace.ServiceAsync(name, workload, headless: false, ports);
        foreach (var port in ports)
            await Namespace.WaitUntilProxyKnowsAsync(Workload("client").Pods[0], name, port, Workload(workload));
        await Eventually.Succeeds(async () =>
        {
            using var first = new Client(Workload("client").Pods[0], Mesh.Names);
            (await first.GetAsync($"http://{name}/")).Status.ShouldNotBe(HttpStatusCode.ServiceUnavailable);
        });
        return name;
    }

    internal Workload Workload(string name) => Shared!.Namespace.Workload(name);

    /// <summary>Deploys what the tests use; called once.</summary>
    private protected abstract Task DeployAsync(TestNamespace ns);
}

/// <summary>The namespace that the tests of one class have in common.</summary>
public sealed class SharedNamespace : IAsyncLifetime
{
    private IDisposable? _turn;
    private Exception? _failure;

    internal TestNamespace Namespace { get; private set; } = null!;

    internal bool IsMade { get; private set; }

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Namespace is not null)
            await Namespace.DisposeAsync();
        _turn?.Dispose();
    }

    internal async Task MakeAsync(TestMesh mesh, string name, int proxies, Turn turn, Func<TestNamespace, Task> deploy)
    {
        if (IsMade)
            return;
        if (_failure is not null)
            throw new InvalidOperationException(
                "what this class's tests have in common could not be made, see the first of them",
                _failure
            );
        try
        {
            _turn = await mesh.Turns.TakeAsync(alone: turn == Turn.Alone);
            Namespace = await TestNamespace.CreateAsync(mesh, name, proxies);
            await deploy(Namespace);
            await Namespace.WaitUntilProxiesKnowAllAsync();
            IsMade = true;
        }
        catch (Exception e)
        {
            _failure = e;
            throw;
        }
    }
}
