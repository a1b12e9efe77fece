using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Registry;

namespace MeshOperator.LocalCluster.Admission;

internal sealed class NoAdmission : IAdmission
{
    public Task<JsonObject> MutateAsync(AdmissionAttributes attributes) => Task.FromResult(attributes.Object!);

    public Task ValidateAsync(AdmissionAttributes attributes) => Task.CompletedTask;
}
