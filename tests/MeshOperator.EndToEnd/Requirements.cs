using MeshOperator.Testing;
using Xunit;

namespace MeshOperator.EndToEnd;

/// <summary>What the suite needs of the machine, and what happens where it lacks it.</summary>
internal static class Requirements
{
    private static readonly Lazy<string?> Program = new(Programs.FindEnvoy);

    /// <summary>The Envoy program, by the variable <c>ENVOY</c>, else on the <c>PATH</c>; null where there is none.</summary>
    public static string? Envoy => Program.Value;

    /// <summary>The script of the injected init container.</summary>
    public static string CaptureScript => Path.Combine(Repository.Root, "operator/init/capture.sh");

    private static string Mode => Environment.GetEnvironmentVariable("MESH_END_TO_END") ?? string.Empty;

    /// <summary>Why the suite cannot run here, in a line; null where it can.</summary>
    public static string? Missing()
    {
        if (Mode == "off")
            return "end-to-end tests are off (MESH_END_TO_END=off)";
        if (!OperatingSystem.IsLinux())
            return "end-to-end tests need Linux";
        if (Envoy is null)
            return "end-to-end tests need Envoy: set ENVOY to the program, or put it on the PATH";
        if (!Environment.IsPrivilegedProcess)
            return "end-to-end tests need root, for network and mount namespaces";
        string[] missing = [.. new[] { "ip", "nft", "nsenter", "unshare", "setpriv" }.Where(p => Programs.Find(p) is null)];
        if (missing.Length > 0)
            return $"end-to-end tests need {string.Join(", ", missing)} on the PATH (iproute2, nftables, util-linux)";
        return CanUnshare() ? null : "end-to-end tests need network namespaces, which cannot be made here";
    }

    /// <summary>Skips the test where something is missing, or fails it where nothing may be left out: <c>MESH_END_TO_END=required</c>,
    /// which <c>.ci/run</c> sets.</summary>
    public static void Check(string? missing)
    {
        if (missing is null)
            return;
        if (Mode == "required")
            Assert.Fail(missing);
        Assert.Skip(missing);
    }

    private static bool CanUnshare()
    {
        using var process = System.Diagnostics.Process.Start("unshare", ["--net", "--mount", "true"]);
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
