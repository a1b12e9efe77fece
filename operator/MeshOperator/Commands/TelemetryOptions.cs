using System.CommandLine;
using System.CommandLine.Parsing;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Telemetry;

namespace MeshOperator.Commands;

/// <summary>The command line's options for what proxies report about the traffic.</summary>
internal sealed class TelemetryOptions
{
    /// <summary>What None was called, still taken.</summary>
    private const string EarlierNone = "Off";

    private readonly Option<AccessLogMode> _accessLog = new("--access-log")
    {
        Description = "Which requests proxies log to standard output: None, Errors or All.",
        DefaultValueFactory = _ => AccessLogMode.None,
        CustomParser = ReadMode,
    };

    private readonly Option<string?> _endpoint = new("--tracing-endpoint")
    {
        Description = "HOST:PORT of an OpenTelemetry collector to which proxies send spans (OTLP over gRPC, plaintext).",
    };

    private readonly Option<double> _sampling = new("--tracing-sampling")
    {
        Description = "The share of requests to trace, in percent, of those that do not carry a sampling decision.",
        DefaultValueFactory = _ => 1,
    };

    public TelemetryOptions()
    {
        _endpoint.Validators.Add(result =>
        {
            if (result.GetValue(_endpoint) is { } text && Parse(text) is null)
                result.AddError(
                    $"--tracing-endpoint: '{text}' is not an address; write HOST:PORT, for example collector.observability.svc:4317"
                );
        });
        _sampling.Validators.Add(result =>
        {
            if (result.GetValue(_sampling) is not (>= 0 and <= 100))
                result.AddError("--tracing-sampling: use a percentage from 0 to 100");
        });
    }

    public void AddTo(Command command)
    {
        command.Options.Add(_accessLog);
        command.Options.Add(_endpoint);
        command.Options.Add(_sampling);
    }

    public TelemetrySettings Read(ParseResult parsed) =>
        new(
            parsed.GetValue(_accessLog),
            parsed.GetValue(_endpoint) is { } text && Parse(text) is var (host, port)
                ? new TracingSettings(host, port, parsed.GetValue(_sampling))
                : null
        );

    private static AccessLogMode ReadMode(ArgumentResult result)
    {
        var text = result.Tokens.Single().Value;
        if (text.Equals(EarlierNone, StringComparison.OrdinalIgnoreCase))
            return AccessLogMode.None;
        if (Enum.TryParse<AccessLogMode>(text, ignoreCase: true, out var mode) && Enum.IsDefined(mode))
            return mode;
        result.AddError($"--access-log: '{text}' is not a kind of access log; use None, Errors or All");
        return AccessLogMode.None;
    }

    private static (string Host, int Port)? Parse(string text) =>
        Uri.TryCreate($"otlp://{text}", UriKind.Absolute, out var uri)
        && uri is { Port: > 0, PathAndQuery: "/" or "", UserInfo: "" }
        && uri.Host.Length > 0
            ? (uri.Host.Trim('[', ']'), uri.Port)
            : null;
}
