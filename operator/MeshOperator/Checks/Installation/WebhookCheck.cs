using System.Text;
using k8s.Models;
using MeshOperator.Output;

namespace MeshOperator.Checks.Installation;

/// <summary>How a request that is not carried out was answered.</summary>
/// <param name="IsAccepted">Whether the API server would have carried it out.</param>
/// <param name="Message">Why not.</param>
internal sealed record DryRun(bool IsAccepted, string Message = "");

/// <summary>Whether the API server reaches the webhooks.</summary>
internal static class WebhookCheck
{
    /// <param name="slices">The endpoints of the operator's Service.</param>
    public static Finding FindEndpoints(IEnumerable<V1EndpointSlice> slices)
    {
        var ready = slices.SelectMany(slice => slice.Endpoints ?? []).Count(endpoint => endpoint.Conditions?.Ready != false);
        return ready > 0
            ? Finding.Ok(CheckNames.Webhooks, $"the webhooks' Service has {ready} endpoints")
            : Finding.Error(
                CheckNames.Webhooks,
                "the webhooks' Service has no endpoint, so no meshed pod and no policy can be created; look at the operator's pods"
            );
    }

    /// <param name="name">The name of both configurations.</param>
    /// <param name="mutating">What adds sidecars.</param>
    /// <param name="validating">What checks policies.</param>
    /// <param name="bundle">The mesh's trust bundle; null when there is none.</param>
    public static IEnumerable<Finding> FindBundles(
        string name,
        V1MutatingWebhookConfiguration? mutating,
        V1ValidatingWebhookConfiguration? validating,
        string? bundle
    )
    {
        if (mutating is null)
            yield return Missing("MutatingWebhookConfiguration", name, "no pod gets a sidecar");
        if (validating is null)
            yield return Missing("ValidatingWebhookConfiguration", name, "mistakes in policies show only in their status");
        if (bundle is null)
        {
            yield return Finding.Error(CheckNames.Webhooks, "there is no trust bundle in the operator's namespace; look at its log");
            yield break;
        }

        var clients = (mutating?.Webhooks ?? [])
            .Select(w => (w.Name, w.ClientConfig.CaBundle))
            .Concat((validating?.Webhooks ?? []).Select(w => (w.Name, w.ClientConfig.CaBundle)))
            .ToList();
        var others = clients.Where(c => c.CaBundle is null || Encoding.ASCII.GetString(c.CaBundle) != bundle).Select(c => c.Name).ToList();
        if (others.Count > 0)
            yield return Finding.Error(
                CheckNames.Webhooks,
                $"the caBundle of {Names.Join(others)} is not the mesh's trust bundle; the operator writes it within seconds, so look at "
                    + "its log"
            );
        else if (clients.Count > 0)
            yield return Finding.Ok(CheckNames.Webhooks, $"the caBundle of all {clients.Count} webhooks is the mesh's trust bundle");
    }

    /// <param name="good">A policy that is valid.</param>
    /// <param name="bad">One that only the webhook refuses.</param>
    public static Finding FindAnswers(DryRun good, DryRun bad)
    {
        if (!good.IsAccepted)
            return Finding.Error(CheckNames.Webhooks, $"a valid policy is refused: {good.Message}");
        return bad.IsAccepted
            ? Finding.Error(
                CheckNames.Webhooks,
                "the API server does not ask the webhook: it accepts an invalid policy; look at the ValidatingWebhookConfiguration's rules"
            )
            : Finding.Ok(CheckNames.Webhooks, "the webhook answers: it accepts a valid policy and refuses an invalid one");
    }

    private static Finding Missing(string kind, string name, string effect) =>
        Finding.Error(CheckNames.Webhooks, $"there is no {kind} {name}, so {effect}; upgrade the chart");
}
