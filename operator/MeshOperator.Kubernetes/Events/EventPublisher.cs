using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Kubernetes.Events;

/// <summary>Writes Kubernetes Events, which <c>kubectl describe</c> shows with the object.</summary>
public sealed class EventPublisher(EntityClient<Corev1Event> events, TimeProvider time)
{
    /// <summary>The longest note that the API server takes.</summary>
    private const int LongestMessage = 1024;

    /// <summary>Writes an event about an object.</summary>
    /// <param name="about">The object.</param>
    /// <param name="isWarning">Whether something is wrong.</param>
    /// <param name="reason">One word.</param>
    /// <param name="message">A sentence; cut at 1,024 characters.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task PublishAsync(IKubernetesObject<V1ObjectMeta> about, bool isWarning, string reason, string message, CancellationToken cancellation)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var ns = about.Metadata.NamespaceProperty ?? "default";
        await events.CreateAsync(
            new Corev1Event
            {
                Metadata = new V1ObjectMeta { GenerateName = $"{about.Metadata.Name}.", NamespaceProperty = ns },
                InvolvedObject = new V1ObjectReference
                {
                    ApiVersion = about.ApiVersion,
                    Kind = about.Kind,
                    Name = about.Metadata.Name,
                    NamespaceProperty = about.Metadata.NamespaceProperty,
                    Uid = about.Metadata.Uid,
                    ResourceVersion = about.Metadata.ResourceVersion,
                },
                Type = isWarning ? "Warning" : "Normal",
                Reason = reason,
                Message = message.Length <= LongestMessage ? message : message[..(LongestMessage - 1)] + "…",
                FirstTimestamp = now,
                LastTimestamp = now,
                Count = 1,
                Source = new V1EventSource { Component = "mesh-operator" },
                ReportingComponent = "meshoperator.io/operator",
                ReportingInstance = Environment.MachineName,
            },
            cancellation);
    }
}
