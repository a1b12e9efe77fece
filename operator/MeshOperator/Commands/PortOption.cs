using System.CommandLine;
using System.Globalization;

namespace MeshOperator.Commands;

/// <summary>An option that is a port.</summary>
internal static class PortOption
{
    public static Option<int> Create(string name, string description, int value) =>
        new(name)
        {
            Description = description,
            DefaultValueFactory = _ => value,
            CustomParser = result =>
            {
                var text = result.Tokens.Count > 0 ? result.Tokens[0].Value : string.Empty;
                if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= 65533)
                    return port;
                result.AddError($"{name}: '{text}' is not a port; write a number from 0 (any free port) to 65533");
                return 0;
            },
        };
}
