namespace MeshOperator.Mesh.Model;

/// <summary>SPIFFE identities of workloads.</summary>
internal static class Spiffe
{
    /// <summary><c>spiffe://trust-domain/ns/namespace/sa/service-account</c>.</summary>
    public static string Identity(string trustDomain, string ns, string serviceAccount) =>
        $"spiffe://{trustDomain}/ns/{ns}/sa/{serviceAccount}";
}
