using System.CommandLine;

namespace MeshOperator.Commands;

/// <summary>An option that is a port.</summary>
internal static class PortOption
{
    public static Option<int> Create(string name, string description, int value)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 0 or > 65533)
                result.AddError($"{name} must be from 0 (any free port) to 65533.");
        });
        return option;
    }
}
