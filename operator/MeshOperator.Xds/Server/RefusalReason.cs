using System.Text;

namespace MeshOperator.Xds.Server;

/// <summary>Why a client was refused: the label <c>reason</c> of the metric <c>meshoperator.xds.refused</c>.</summary>
public enum RefusalReason
{
    /// <summary>It showed no bearer token.</summary>
    NoToken,

    /// <summary>Its token is none that Kubernetes issues.</summary>
    MalformedToken,

    /// <summary>Its token is not for the mesh.</summary>
    OtherAudience,

    /// <summary>Its token has expired.</summary>
    ExpiredToken,

    /// <summary>Its token is not bound to a pod.</summary>
    UnboundToken,

    /// <summary>The API server does not accept its token.</summary>
    InvalidToken,

    /// <summary>Its token is of another pod than its node id.</summary>
    OtherPod,

    /// <summary>Its pod was deleted, or is not known.</summary>
    NoPod,

    /// <summary>Its address or pod has shown too many bad tokens.</summary>
    TooManyAttempts,

    /// <summary>Whether it may be let in could not be found out.</summary>
    Unavailable,

    /// <summary>Too many others wait to be let in. Another replica may have time for it.</summary>
    Busy,

    /// <summary>It sent what the protocol does not allow.</summary>
    BadRequest,

    /// <summary>It asked for too much, or has too many streams.</summary>
    TooMuch,

    /// <summary>It sent or read too slowly.</summary>
    TooSlow,
}

/// <summary>Names for metrics.</summary>
internal static class RefusalReasons
{
    private static readonly string[] Labels = [.. Enum.GetNames<RefusalReason>().Select(SnakeCase)];

    public static string Label(this RefusalReason reason) => Labels[(int)reason];

    private static string SnakeCase(string name)
    {
        var label = new StringBuilder();
        foreach (var letter in name)
        {
            if (char.IsUpper(letter) && label.Length > 0)
                label.Append('_');
            label.Append(char.ToLowerInvariant(letter));
        }

        return label.ToString();
    }
}
