using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Validation;

/// <summary>Holds metadata against the rules that all kinds share.</summary>
internal static class MetadataValidation
{
    private const long AnnotationLimit = 256 * 1024;

    public static void Validate(JsonObject content, JsonObject? old, ResourceKind kind, FieldErrors errors)
    {
        var metadata = content.Meta();
        var name = content.Name();
        if (name.Length == 0)
            errors.Required("metadata.name", "name or generateName is required");
        else if (old is null)
            Names.Check(name, kind.Strategy.Names, "metadata.name", errors);
        Names.CheckLabels(metadata.Object("labels"), "metadata.labels", errors);
        long size = 0;
        foreach (var (key, value) in metadata.Object("annotations") ?? [])
        {
            var lower = new FieldErrors();
            Names.CheckKey(key.ToLowerInvariant(), "metadata.annotations", lower);
            if (lower.Any)
                Names.CheckKey(key, "metadata.annotations", errors);
            size += key.Length + (value.AsText()?.Length ?? 0);
        }

        if (size > AnnotationLimit)
            errors.TooLong("metadata.annotations", AnnotationLimit);
        Owners(metadata, errors);
        Finalizers(metadata, old, errors);
    }

    private static void Owners(JsonObject metadata, FieldErrors errors)
    {
        var index = 0;
        var controllers = 0;
        foreach (var owner in metadata.Objects("ownerReferences"))
        {
            foreach (var field in new[] { "apiVersion", "kind", "name", "uid" })
                if (string.IsNullOrEmpty(owner.Text(field)))
                    errors.Invalid($"metadata.ownerReferences[{index}].{field}", owner.Text(field) ?? "", "must not be empty");
            if (owner.Flag("controller") == true && ++controllers > 1)
                errors.Invalid(
                    "metadata.ownerReferences",
                    metadata["ownerReferences"]!.DeepClone(),
                    "Only one reference can have Controller set to true"
                );
            index++;
        }
    }

    private static void Finalizers(JsonObject metadata, JsonObject? old, FieldErrors errors)
    {
        foreach (var finalizer in metadata.Texts("finalizers"))
        {
            Names.CheckKey(finalizer, "metadata.finalizers", errors);
        }

        if (old?.Object("metadata")?["deletionTimestamp"] is null)
            return;
        var had = old.Object("metadata").Texts("finalizers").ToHashSet();
        var added = metadata.Texts("finalizers").Where(f => !had.Contains(f)).ToArray();
        if (added.Length > 0)
            errors.Forbidden(
                "metadata.finalizers",
                "no new finalizers can be added if the object is being deleted, found new finalizers "
                    + $"[]string{{{string.Join(", ", added.Select(a => $"\"{a}\""))}}}"
            );
    }
}
