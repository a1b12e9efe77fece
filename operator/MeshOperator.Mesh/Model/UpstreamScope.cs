namespace MeshOperator.Mesh.Model;

/// <summary>The services whose configuration is sent to a proxy.</summary>
/// <param name="Services">The services, ordered; a namespace or name of <c>*</c> stands for any.</param>
public sealed record UpstreamScope(ValueList<ServiceName> Services)
{
    /// <summary>Whether a service is among them.</summary>
    public bool Contains(ServiceName service)
    {
        foreach (var pattern in Services)
        {
            if (
                (pattern.Namespace == "*" || pattern.Namespace == service.Namespace)
                && (pattern.Name == "*" || pattern.Name == service.Name)
            )
                return true;
        }

        return false;
    }
}
