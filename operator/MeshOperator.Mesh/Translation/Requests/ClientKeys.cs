using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Translation.Requests;

/// <summary>Reads what identifies a client.</summary>
internal static class ClientKeys
{
    /// <summary>What keeps requests at one endpoint; null when nothing does.</summary>
    public static StickySession? Read(StickySessions? sticky) =>
        sticky switch
        {
            { Cookie: { } cookie } => new StickySession(StickyKey.Cookie, cookie.Name, MeshDuration.ParseOptional(cookie.Ttl)),
            { Header: { } header } => new StickySession(StickyKey.Header, header, null),
            { SourceIP: true } => new StickySession(StickyKey.SourceIp, string.Empty, null),
            _ => null,
        };
}
