namespace MeshOperator.Xds.Translation.Shared;

/// <summary>How proxies write the names of headers over HTTP/1.1. HTTP itself makes no difference between upper and lower case.</summary>
public enum HeaderCase
{
    /// <summary>As the application wrote them, and the text after the status as well.</summary>
    Preserve,

    /// <summary>In lower case, and the usual text after the status. Costs the proxies less.</summary>
    Lower,
}
