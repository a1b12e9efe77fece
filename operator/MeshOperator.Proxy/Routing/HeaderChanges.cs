using System.Text.RegularExpressions;
using Envoy.Config.Core.V3;
using Microsoft.AspNetCore.Http;
using Action = Envoy.Config.Core.V3.HeaderValueOption.Types.HeaderAppendAction;

namespace MeshOperator.Proxy.Routing;

/// <summary>Changes of headers: some are removed, then others are added.</summary>
internal sealed partial class HeaderChanges
{
    private readonly string[] _removed;
    private readonly (string Name, string Value, Action Action)[] _added;

    /// <summary>Makes them.</summary>
    /// <exception cref="ArgumentException">A value has a command of Envoy's in it.</exception>
    public HeaderChanges(IEnumerable<HeaderValueOption> added, IEnumerable<string> removed)
    {
        _removed = [.. removed];
        _added = [.. added.Select(option => (option.Header.Key, Plain(option.Header), option.AppendAction))];
    }

    /// <summary>Makes the changes.</summary>
    public void Apply(IHeaderDictionary headers)
    {
        foreach (var name in _removed)
            headers.Remove(name);
        foreach (var (name, value, action) in _added)
        {
            var isThere = headers.ContainsKey(name);
            if (action is Action.OverwriteIfExistsOrAdd || (action is Action.OverwriteIfExists && isThere))
                headers[name] = value;
            else if (action is Action.AppendIfExistsOrAdd)
                headers.Append(name, value);
            else if (action is Action.AddIfAbsent && !isThere)
                headers[name] = value;
        }
    }

    /// <summary>Two percent signs are one; a single one begins a command.</summary>
    private static string Plain(HeaderValue header) =>
        Command.IsMatch(header.Value)
            ? throw new ArgumentException($"the built-in proxy does not support commands in the header {header.Key}: {header.Value}")
            : header.Value.Replace("%%", "%", StringComparison.Ordinal);

    [GeneratedRegex("^(?:[^%]|%%)*%(?:[^%]|$)")]
    private static partial Regex Command { get; }
}
