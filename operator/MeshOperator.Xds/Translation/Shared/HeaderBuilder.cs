using Envoy.Config.Core.V3;
using MeshOperator.Mesh.Model;
using AppendAction = Envoy.Config.Core.V3.HeaderValueOption.Types.HeaderAppendAction;
using EnvoyHeader = Envoy.Config.Core.V3.HeaderValue;
using EnvoyRoute = Envoy.Config.Route.V3.Route;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>Makes changes of request headers.</summary>
internal static class HeaderBuilder
{
    /// <summary>Envoy removes before it sets and adds.</summary>
    public static void Apply(HeaderChanges changes, EnvoyRoute route)
    {
        route.RequestHeadersToRemove.AddRange(changes.Remove);
        foreach (var header in changes.Set)
            route.RequestHeadersToAdd.Add(Option(header, AppendAction.OverwriteIfExistsOrAdd));
        foreach (var header in changes.Add)
            route.RequestHeadersToAdd.Add(Option(header, AppendAction.AppendIfExistsOrAdd));
    }

    // Envoy reads %NAME% in a value as a command; a doubled sign is a plain one.
    private static HeaderValueOption Option(Mesh.Model.HeaderValue header, AppendAction action) =>
        new()
        {
            Header = new EnvoyHeader { Key = header.Name, Value = header.Value.Replace("%", "%%", StringComparison.Ordinal) },
            AppendAction = action,
        };
}
