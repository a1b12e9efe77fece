using Envoy.Config.Core.V3;
using Envoy.Config.Route.V3;
using MeshOperator.Mesh.Model;
using AppendAction = Envoy.Config.Core.V3.HeaderValueOption.Types.HeaderAppendAction;
using EnvoyHeader = Envoy.Config.Core.V3.HeaderValue;
using EnvoyRoute = Envoy.Config.Route.V3.Route;

namespace MeshOperator.Xds.Translation;

/// <summary>Makes changes of request headers.</summary>
internal static class HeaderBuilder
{
    /// <summary>Envoy removes before it sets and adds. The host cannot be changed as a header; setting it rewrites the host.</summary>
    public static void Apply(HeaderChanges changes, EnvoyRoute route, RouteAction action)
    {
        route.RequestHeadersToRemove.AddRange(changes.Remove.Where(name => !IsReserved(name)));
        foreach (var header in changes.Set)
        {
            if (IsHost(header.Name)) action.HostRewriteLiteral = header.Value;
            else if (!IsReserved(header.Name)) route.RequestHeadersToAdd.Add(Option(header, AppendAction.OverwriteIfExistsOrAdd));
        }

        foreach (var header in changes.Add)
        {
            if (!IsReserved(header.Name)) route.RequestHeadersToAdd.Add(Option(header, AppendAction.AppendIfExistsOrAdd));
        }
    }

    // Envoy reads %NAME% in a value as a command; a doubled sign is a plain one.
    private static HeaderValueOption Option(Mesh.Model.HeaderValue header, AppendAction action) => new()
    {
        Header = new EnvoyHeader { Key = header.Name, Value = header.Value.Replace("%", "%%", StringComparison.Ordinal) },
        AppendAction = action,
    };

    private static bool IsHost(string name) => name.Equals("host", StringComparison.OrdinalIgnoreCase) || name == ":authority";

    private static bool IsReserved(string name) => IsHost(name) || name.StartsWith(':');
}
