namespace MeshOperator.Checks.Installation;

/// <summary>How bad a finding is.</summary>
internal enum FindingLevel
{
    /// <summary>It is as it should be.</summary>
    Ok,

    /// <summary>Traffic and policies work, but something should be looked at.</summary>
    Warning,

    /// <summary>Something does not work.</summary>
    Error,
}

/// <summary>What a check found.</summary>
/// <param name="Level">How bad it is.</param>
/// <param name="Check">Which check found it, one of <see cref="CheckNames"/>.</param>
/// <param name="Message">What it is, and what to do about it.</param>
internal sealed record Finding(FindingLevel Level, string Check, string Message)
{
    /// <summary>Where the documentation says more.</summary>
    public string Link => $"docs/operations/check.md#{Check}";

    public static Finding Ok(string check, string message) => new(FindingLevel.Ok, check, message);

    public static Finding Warning(string check, string message) => new(FindingLevel.Warning, check, message);

    public static Finding Error(string check, string message) => new(FindingLevel.Error, check, message);
}

/// <summary>The names of the checks, which are also the headings on their page of the documentation.</summary>
internal static class CheckNames
{
    public const string Kubernetes = "kubernetes";
    public const string Rights = "rights";
    public const string Crds = "crds";
    public const string Adoption = "adoption";
    public const string PriorityClass = "priority-class";
    public const string Version = "version";
    public const string Replicas = "replicas";
    public const string Leader = "leader";
    public const string Webhooks = "webhooks";
    public const string Certificates = "certificates";
    public const string Clocks = "clocks";
    public const string Proxies = "proxies";
    public const string Policies = "policies";
    public const string PodSecurity = "pod-security";
}
