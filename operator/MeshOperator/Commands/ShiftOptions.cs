using System.CommandLine;
using System.CommandLine.Parsing;
using MeshOperator.Settings;

namespace MeshOperator.Commands;

/// <summary>The command line's options for whom gradual shifts make the operator call.</summary>
internal sealed class ShiftOptions
{
    private readonly Option<CheckHosts> _hosts = new("--shift-check-hosts")
    {
        Description =
            "HOST or HOST:PORT, separated by commas, that checks of gradual shifts may ask besides the Services of their own namespace, "
            + "for example prometheus.monitoring.svc:9090.",
        DefaultValueFactory = _ => CheckHosts.None,
        CustomParser = ReadHosts,
    };

    private readonly Option<Uri?> _events = new("--shift-events-url")
    {
        Description = "Where an event of each transition of a gradual shift is sent by POST, in the format of CloudEvents.",
        CustomParser = ReadUrl,
    };

    private readonly Option<int> _most = new("--max-shifts-per-namespace")
    {
        Description = "Number of gradual shifts of a namespace that are in progress at once. Others wait.",
        DefaultValueFactory = _ => new OperatorOptions().MaxShiftsPerNamespace,
    };

    public ShiftOptions() =>
        _most.Validators.Add(result =>
        {
            if (result.GetValue(_most) < 1)
                result.AddError("--max-shifts-per-namespace: use a number of at least 1");
        });

    public void AddTo(Command command)
    {
        command.Options.Add(_hosts);
        command.Options.Add(_events);
        command.Options.Add(_most);
    }

    public OperatorOptions Read(ParseResult parsed, OperatorOptions options) =>
        options with
        {
            ShiftCheckHosts = parsed.GetValue(_hosts) ?? CheckHosts.None,
            ShiftEventsUrl = parsed.GetValue(_events),
            MaxShiftsPerNamespace = parsed.GetValue(_most),
        };

    private static CheckHosts ReadHosts(ArgumentResult result)
    {
        try
        {
            return CheckHosts.Parse(string.Join(',', result.Tokens.Select(token => token.Value)));
        }
        catch (FormatException e)
        {
            result.AddError(e.Message);
            return CheckHosts.None;
        }
    }

    private static Uri? ReadUrl(ArgumentResult result)
    {
        if (Uri.TryCreate(result.Tokens.Single().Value, UriKind.Absolute, out var url) && url.Scheme is "http" or "https")
            return url;
        result.AddError("--shift-events-url: this is not an address to send events to; write for example https://chat.example.com/hook");
        return null;
    }
}
