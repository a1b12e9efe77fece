using System.Diagnostics;

namespace MeshOperator.Testing;

/// <summary>Polls for a state with a deadline; tests never sleep for a fixed time.</summary>
internal static class Eventually
{
    private static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(30);

    /// <summary>Repeats <paramref name="assertion"/> until it no longer throws, or fails with its last error.</summary>
    public static async Task Succeeds(Func<Task> assertion, TimeSpan? deadline = null)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await assertion();
                return;
            }
            catch (Exception) when (clock.Elapsed < (deadline ?? DefaultDeadline))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, CancellationToken.None);
            }
        }
    }

    /// <summary>Repeats <paramref name="assertion"/> until it no longer throws, or fails with its last error.</summary>
    public static Task Succeeds(Action assertion, TimeSpan? deadline = null) =>
        Succeeds(
            () =>
            {
                assertion();
                return Task.CompletedTask;
            },
            deadline
        );
}
