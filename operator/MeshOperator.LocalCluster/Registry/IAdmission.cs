using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Registry;

/// <summary>A write as admission sees it.</summary>
internal sealed record AdmissionAttributes(
    ResourceKind Kind,
    string Operation,
    string Namespace,
    string Name,
    string Subresource,
    JsonObject? Object,
    JsonObject? OldObject,
    WriteRequest Request
);

/// <summary>Has a say in every write before it is stored.</summary>
internal interface IAdmission
{
    /// <summary>The object as the mutating webhooks leave it.</summary>
    Task<JsonObject> MutateAsync(AdmissionAttributes attributes);

    Task ValidateAsync(AdmissionAttributes attributes);
}
