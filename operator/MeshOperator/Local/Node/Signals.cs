using System.Runtime.InteropServices;

namespace MeshOperator.Local.Node;

/// <summary>Signals to processes of this machine.</summary>
internal static class Signals
{
    /// <summary>Sends a signal; not on Windows, which has none.</summary>
    /// <returns>Whether it could be sent.</returns>
    public static bool Send(int process, int signal) => !OperatingSystem.IsWindows() && Kill(process, signal) == 0;

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
