using BenchmarkDotNet.Running;

namespace MeshOperator.Benchmarks;

internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        // What stays in memory, and a cold start, are measured once and not by BenchmarkDotNet.
        if (args is ["informer-memory", ..])
        {
            await InformerMemory.MeasureAsync(args.Length > 1 ? int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 10_000);
            return 0;
        }

        if (args is ["identities", ..])
        {
            await Identities.MeasureAsync(args.Length > 1 ? int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 2_000);
            return 0;
        }

        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        return 0;
    }
}
