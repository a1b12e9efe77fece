namespace MeshOperator.Api.Policies;

/// <summary>What a MtlsPolicy means where it leaves something out.</summary>
internal static class MtlsPolicyDefaults
{
    /// <summary>The mode of all ports.</summary>
    public const MtlsPolicyMode Mode = MtlsPolicyMode.Strict;

    /// <summary>The lowest TLS version.</summary>
    public const string MinVersion = "1.2";
}
