namespace MeshOperator.Certificates.Rotation;

/// <summary>How far the mesh is on its way from one authority to another.</summary>
public enum RotationPhase
{
    /// <summary>One authority is trusted and signs.</summary>
    Stable,

    /// <summary>Proxies trust the new authority too; the old one signs.</summary>
    DistributingTrust,

    /// <summary>The new authority signs, and both are trusted.</summary>
    Signing,

    /// <summary>Nothing that lives was signed by the old authority: proxies trust the new one only.</summary>
    Retiring,
}
