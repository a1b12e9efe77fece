namespace MeshOperator.Completions;

/// <summary>An order to a proxy to end, until the proxy has. Pure.</summary>
/// <param name="Uid">The pod's UID.</param>
/// <param name="Attempts">How often it was given.</param>
/// <param name="Next">When it is given next.</param>
internal sealed record PendingOrder(string Uid, int Attempts, DateTimeOffset Next)
{
    /// <summary>How often it is given at most, within some two minutes.</summary>
    public const int MostAttempts = 8;

    /// <summary>How long a proxy that accepted it may take until its end is reported.</summary>
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(30);

    /// <summary>Whether it is not given again.</summary>
    public bool IsGivenUp => Attempts >= MostAttempts;

    /// <summary>What it is once it was given at <paramref name="now"/>.</summary>
    public PendingOrder Given(DateTimeOffset now) => this with { Attempts = Attempts + 1, Next = now + EndsWithin };

    /// <summary>What it is once it has failed: tried again after twice the time each time, and at last no more.</summary>
    public PendingOrder Failed(DateTimeOffset now)
    {
        if (IsGivenUp)
            return this with { Next = DateTimeOffset.MaxValue };
        var wait = TimeSpan.FromSeconds(1 << (Attempts - 1));
        return this with { Next = now + (wait < EndsWithin ? wait : EndsWithin) };
    }
}
