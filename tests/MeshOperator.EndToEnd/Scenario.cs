using MeshOperator.EndToEnd.Checks;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd;

/// <summary>What all scenarios have: namespaces of their own, and after each test a look at all that their proxies and the operator have
/// said.</summary>
public abstract class Scenario : IAsyncLifetime
{
    private readonly List<TestNamespace> _namespaces = [];
    private readonly List<ExpectedWarning> _expected = [];
    private readonly List<IDisposable> _turns = [];
    private Turn _turn;

    /// <summary>Made by each test's class.</summary>
    protected Scenario(TestMesh mesh) => Mesh = mesh;

    internal TestMesh Mesh { get; }

    /// <summary>What the tests of a <see cref="SharedScenario"/> have in common.</summary>
    private protected SharedNamespace? Shared { get; init; }

    /// <inheritdoc/>
    public virtual ValueTask InitializeAsync()
    {
        Requirements.Check(Mesh.Missing);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        var findings = new List<string>();
        if (_turn == Turn.Alone)
            await Mesh.Operator.RecoverAsync();
        if (Shared is { IsMade: true } shared)
        {
            findings.AddRange(await shared.Namespace.FindAsync(_expected));
            await shared.Namespace.DeletePoliciesAsync();
        }

        foreach (var ns in _namespaces)
        {
            findings.AddRange(await ns.FindAsync(_expected));
            await ns.DisposeAsync();
        }

        foreach (var turn in _turns)
            turn.Dispose();
        findings.ShouldBeEmpty();
    }

    /// <summary>A namespace of the test's own, whose pods get a proxy unless they say otherwise.</summary>
    /// <param name="name">The beginning of its name.</param>
    /// <param name="proxies">How many proxies it has at a time; pods that are more wait.</param>
    /// <param name="turn">How the scenario gets along with others.</param>
    internal async Task<TestNamespace> NamespaceAsync(string name, int proxies, Turn turn = Turn.Together)
    {
        _turn = turn;
        if (turn == Turn.Aside)
            Expect("initial fetch timed out for type", "another scenario may take the operator away while a proxy starts");

        // A class that shares a namespace has its turn already; to wait for another while somebody wants to be alone would have no end.
        if (turn != Turn.Aside && Shared is not { IsMade: true })
            _turns.Add(await Mesh.Turns.TakeAsync(alone: turn == Turn.Alone));
        var ns = await TestNamespace.CreateAsync(Mesh, name, proxies, isFirst: turn == Turn.Aside);
        _namespaces.Add(ns);
        return ns;
    }

    /// <summary>Lets proxies of this test log a warning.</summary>
    /// <param name="pattern">A regular expression of the line.</param>
    /// <param name="reason">Why it is no sign of something wrong.</param>
    internal void Expect(string pattern, string reason) => _expected.Add(ExpectedWarning.Create(pattern, reason));
}

/// <summary>How a scenario gets along with others.</summary>
internal enum Turn
{
    /// <summary>Beside others; it needs the operator and the API server.</summary>
    Together,

    /// <summary>It does something to the operator or the API server, so no other runs meanwhile but those <see cref="Aside"/>.</summary>
    Alone,

    /// <summary>It holds something open for minutes, and whatever becomes of the operator must not disturb it.</summary>
    Aside,
}
