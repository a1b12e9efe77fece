using System.Diagnostics.Metrics;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Authority;

/// <summary>Measurements of the certificate authority.</summary>
internal sealed class AuthorityMetrics(AuthorityExpiry expiry, MeshAuthority authority, KubernetesTransport transport, IMeterFactory meters)
    : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        var meter = meters.Create("MeshOperator.Certificates");
        meter.CreateObservableGauge(
            "meshoperator.certificate.not_after",
            () =>
                expiry
                    .Certificates()
                    .Select(c => new Measurement<double>(
                        c.NotAfter.ToUnixTimeSeconds(),
                        new KeyValuePair<string, object?>("certificate", c.Name)
                    )),
            "s",
            "When a certificate that the mesh depends on expires, in seconds since 1970."
        );
        meter.CreateObservableGauge(
            "meshoperator.rotation.phase",
            () => (int)authority.State.Phase,
            null,
            "The phase of a rotation: 0 stable, 1 distributing trust, 2 signing, 3 retiring."
        );
        meter.CreateObservableGauge(
            "meshoperator.clock.difference",
            () => transport.ClockDifference.TotalSeconds,
            "s",
            "How far the API server's clock is ahead of the operator's."
        );
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
