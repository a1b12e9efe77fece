namespace MeshOperator.Mesh.Model;

/// <summary>Names a gradual shift of which requests are counted apart from all others.</summary>
/// <param name="Split">The name of the TrafficSplit, in the namespace of its backends.</param>
/// <param name="Rule">The rule's name.</param>
public sealed record ShiftName(string Split, string Rule)
{
    private const string Mirror = "/mirror";

    /// <summary>Names the copies of requests that are sent before the first step.</summary>
    public ShiftName Copies => this with { Rule = Rule + Mirror };

    /// <summary>Whether it names copies.</summary>
    public bool IsCopies => Rule.EndsWith(Mirror, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => $"{Split}/{Rule}";
}
