using System.Globalization;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>The names of what belongs to an inbound target and is sent apart from the listener.</summary>
internal static class InboundNames
{
    /// <summary>How many filters of rate limits there are at each HTTP chain, used or not. Each limit has one, so that a change of another
    /// limit leaves its bucket alone; those beyond share the last.</summary>
    public const int LimitSlots = RequestLimit.KeptApart;

    /// <summary>The filters of rate limits of a target, used or not.</summary>
    public static IEnumerable<string> Limits(InboundTarget target) =>
        Enumerable.Range(0, LimitSlots).Select(slot => string.Create(CultureInfo.InvariantCulture, $"{target.Name}/limit/{slot}"));

    /// <summary>The secret by which the identities are known that may open connections of bytes.</summary>
    public static string Callers(InboundTarget target) => $"{target.Name}/callers";

    /// <summary>The filter of access rules for connections of bytes.</summary>
    public static string Access(InboundTarget target, string rules) => $"{target.Name}/{rules}";

    /// <summary>The proxy of bytes that came through mutual TLS.</summary>
    public static string MutualTlsProxy(InboundTarget target) => $"{target.Name}/tcp/mtls";

    /// <summary>The proxy of bytes of callers without an identity.</summary>
    public static string AnonymousProxy(InboundTarget target) => $"{target.Name}/tcp/anonymous";
}
