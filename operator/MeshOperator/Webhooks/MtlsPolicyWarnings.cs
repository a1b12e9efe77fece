using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Translation.Policies;
using MeshOperator.Settings;

namespace MeshOperator.Webhooks;

/// <summary>Warns of denied callers that proxies cannot exclude in the handshake.</summary>
internal sealed class MtlsPolicyWarnings(OperatorOptions options) : IPolicyWarnings<MtlsPolicySpec>
{
    public IEnumerable<string> Find(MtlsPolicySpec spec, string ns) =>
        DeniedCallers.Warning(spec, ns, options.TrustDomain) is { } warning ? [warning] : [];
}
