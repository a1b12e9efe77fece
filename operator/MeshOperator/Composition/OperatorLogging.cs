using System.Globalization;
using MeshOperator.Settings;
using Serilog;
using Serilog.Events;
using Serilog.Formatting.Compact;

namespace MeshOperator.Composition;

/// <summary>Where the log goes and how it looks.</summary>
internal static class OperatorLogging
{
    /// <summary>A logger to standard output as JSON, or to standard error as text.</summary>
    public static Serilog.Core.Logger Create(OperatorOptions options)
    {
        var log = new LoggerConfiguration()
            .MinimumLevel.Is(options.LogLevel)
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            // The commands report themselves why they could not start.
            .MinimumLevel.Override("Microsoft.Extensions.Hosting.Internal.Host", LogEventLevel.Fatal)
            .MinimumLevel.Override("Grpc", LogEventLevel.Warning);
        return (
            options.JsonLog
                ? log.WriteTo.Console(new RenderedCompactJsonFormatter())
                : log.WriteTo.Console(
                    outputTemplate: "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}",
                    formatProvider: CultureInfo.InvariantCulture,
                    standardErrorFromLevel: LogEventLevel.Verbose
                )
        ).CreateLogger();
    }
}
