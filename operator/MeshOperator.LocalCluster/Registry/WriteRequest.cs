namespace MeshOperator.LocalCluster.Registry;

/// <summary>Who asks: the user that authentication found.</summary>
internal sealed record UserInfo(
    string Name,
    string Uid,
    IReadOnlyList<string> Groups,
    IReadOnlyDictionary<string, IReadOnlyList<string>> Extra
)
{
    private static readonly Dictionary<string, IReadOnlyList<string>> NoExtra = [];

    public static readonly UserInfo Admin = new("kubernetes-admin", "", ["system:masters", "system:authenticated"], NoExtra);

    public static UserInfo Controller(string name) =>
        new(
            $"system:serviceaccount:kube-system:{name}",
            "",
            ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
            NoExtra
        );
}

internal enum FieldValidation
{
    Warn,
    Strict,
    Ignore,
}

/// <summary>What a write is asked to be, beside the object itself.</summary>
internal sealed class WriteRequest(UserInfo user, string fieldManager)
{
    public UserInfo User { get; } = user;

    public string FieldManager { get; } = fieldManager;

    public bool DryRun { get; init; }

    public bool Force { get; init; }

    public FieldValidation FieldValidation { get; init; }

    /// <summary>Refuses a patch that would create an object if the user may not create it; null to ask nobody.</summary>
    public Action? DemandCreate { get; init; }

    public CancellationToken Cancellation { get; init; }

    /// <summary>Become Warning headers of the answer.</summary>
    public List<string> Warnings { get; } = [];

    public void Warn(string text)
    {
        if (Warnings.Count < 64 && !Warnings.Contains(text))
            Warnings.Add(text);
    }
}
