using System.Globalization;
using BenchmarkDotNet.Running;

namespace MeshOperator.Benchmarks;

internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        // What stays in memory, and what many clients see, is not measured by repeating a method.
        switch (args)
        {
            case ["informer-memory", ..]:
                await InformerMemory.MeasureAsync(Number(args, 1, 10_000));
                return 0;
            case ["identities", ..]:
                await Identities.MeasureAsync(Number(args, 1, 2_000));
                return 0;
            case ["webhook", ..]:
                await WebhookLoad.MeasureAsync(Number(args, 1, 200), TimeSpan.FromSeconds(Number(args, 2, 30)));
                return 0;
            case ["reconnect", ..]:
                await Reconnection.MeasureAsync(Number(args, 1, 500), 2, 15, 60);
                return 0;
            case ["replicas", ..]:
                await ReplicaCost.MeasureAsync(Number(args, 1, 2_000), Number(args, 2, 500), Number(args, 3, 3));
                return 0;
            case ["shifts", ..]:
                await ShiftCost.MeasureAsync(Number(args, 1, 200));
                return 0;
            case ["aborts", ..]:
                await AbortTimes.MeasureAsync(Number(args, 1, 200), Number(args, 2, 30));
                return 0;
            case ["places", ..]:
                PlaceCost.Measure(Number(args, 1, 2_000));
                return 0;
            case ["changes"]:
                ChangeCost.Measure();
                return 0;
            case ["start", var kubeconfig, var program, ..]:
                await StartCost.MeasureAsync(kubeconfig, program, Number(args, 3, 1_000), Number(args, 4, 10));
                return 0;
            case ["flood", var kubeconfig, var program, ..]:
                await EventFlood.MeasureAsync(kubeconfig, program, TimeSpan.FromSeconds(Number(args, 3, 60)), Number(args, 4, 1));
                return 0;
            case ["fill", var kubeconfig, ..]:
                await StreamTokens.FillAsync(kubeconfig, Number(args, 2, 1_000), Number(args, 3, 10));
                return 0;
            case ["tokens", var kubeconfig, var folder, ..]:
                await StreamTokens.WriteAsync(kubeconfig, folder, Number(args, 3, 1_000));
                return 0;
            case ["cluster", var kubeconfig, ..]:
                await LargeCluster.ServeAsync(kubeconfig, Number(args, 2, 1_000), Number(args, 3, 10));
                return 0;
            case ["operator", var kubeconfig]:
                await OperatorProcess.ServeAsync(kubeconfig);
                return 0;
            default:
                BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
                return 0;
        }
    }

    private static int Number(string[] args, int index, int @default) =>
        args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : @default;
}
