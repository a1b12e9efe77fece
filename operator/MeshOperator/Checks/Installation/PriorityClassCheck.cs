using k8s.Models;

namespace MeshOperator.Checks.Installation;

/// <summary>Whether the priority of the operator's pods exists.</summary>
internal static class PriorityClassCheck
{
    public const string Default = "system-cluster-critical";

    public static Finding Find(V1PriorityClass? found) =>
        found is null
            ? Finding.Error(
                CheckNames.PriorityClass,
                $"the PriorityClass {Default} does not exist, so no pod of the operator can be created; set the chart's value "
                    + "priorityClassName to another one or to \"\""
            )
            : Finding.Ok(CheckNames.PriorityClass, $"the PriorityClass {Default} exists");
}
