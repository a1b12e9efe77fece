using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Store;
using Microsoft.Extensions.Logging;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>What every controller works on.</summary>
internal sealed record Cluster(
    ObjectStore Store,
    KindRegistry Kinds,
    ObjectWriter Writer,
    EventRecorder Events,
    OwnedPods OwnedPods,
    TimeProvider Time,
    ILogger Logger
)
{
    public ResourceKind Kind(string group, string plural) => Kinds.Builtin(group, plural);

    public static WriteRequest As(string controller) => new(UserInfo.Controller(controller), controller);
}
