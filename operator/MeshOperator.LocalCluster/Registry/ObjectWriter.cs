using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.FieldManagement;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Schemas;
using MeshOperator.LocalCluster.Store;
using MeshOperator.LocalCluster.Validation;

namespace MeshOperator.LocalCluster.Registry;

/// <summary>
/// The one way into the store, for clients and for the stand-in controllers: decoding, defaults, admission, validation,
/// managed fields, generation, optimistic concurrency.
/// </summary>
internal sealed class ObjectWriter(
    ObjectStore store,
    KindRegistry kinds,
    IAdmission admission,
    ClusterAddresses addresses,
    TimeProvider time
)
{
    private const int Attempts = 8;
    private static readonly string[] SystemFields =
    [
        "uid",
        "creationTimestamp",
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "generation",
    ];
    private const string NameAlphabet = "bcdfghjklmnpqrstvwxz2456789";

    public static string RandomSuffix(int length = 5) => RandomNumberGenerator.GetString(NameAlphabet, length);

    /// <summary>Creates an object.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="namespace">The namespace of the request; empty for cluster-scoped kinds.</param>
    /// <param name="content">The object; it is changed.</param>
    /// <param name="request">Who and how.</param>
    /// <param name="tracked">Whether managedFields are in place already (server-side apply).</param>
    /// <exception cref="ApiException">The object is refused.</exception>
    public async Task<JsonObject> CreateAsync(
        ResourceKind kind,
        string @namespace,
        JsonObject content,
        WriteRequest request,
        bool tracked = false
    )
    {
        Decode(kind, @namespace, content, request);
        if (content.Meta().Text("resourceVersion") is { Length: > 0 })
            throw ApiError.BadRequest("resourceVersion should not be set on objects to be created");
        foreach (var field in SystemFields)
            content.Meta().Remove(field);
        CheckNamespace(kind, @namespace, content);
        Default(kind, content);

        // As in the real server, mutating webhooks see an object that has no generated name and no UID yet.
        var attributes = new AdmissionAttributes(kind, "CREATE", @namespace, content.Name(), "", content, null, request);
        content = await MutateAsync(attributes);
        var metadata = content.Meta();
        metadata["uid"] = Guid.NewGuid().ToString();
        metadata["creationTimestamp"] = Rfc3339.Seconds(time.GetUtcNow());
        if (kind.HasGeneration)
            metadata["generation"] = 1L;
        if (kind.HasStatus && kind.Strategy.DropStatusOnCreate)
            content.Remove("status");
        var prefix = content.Name().Length == 0 ? metadata.Text("generateName") ?? "" : "";
        for (var attempt = 0; ; attempt++)
        {
            if (prefix.Length > 0)
                metadata["name"] = prefix[..Math.Min(prefix.Length, 58)] + RandomSuffix();
            Default(kind, content);
            if (attempt == 0)
                kind.Strategy.PrepareForCreate?.Invoke(content);
            if (!tracked)
                FieldManager.TrackUpdate(null, content, kind, request.FieldManager, "", Now());
            Validate(kind, content, null);
            if (store.Find(kind, @namespace, content.Name()) is not null)
            {
                if (prefix.Length > 0 && attempt < Attempts)
                    continue;
                throw ApiError.AlreadyExists(kind, content.Name());
            }

            await admission.ValidateAsync(attributes with { Object = content, Name = content.Name() });
            using var reservation = addresses.Reserve(kind, content, request.DryRun);
            if (request.DryRun)
                return content;
            CheckNamespace(kind, @namespace, content);
            if (store.TryPut(kind, ToStored(kind, content.Copy()), null) is { } written)
            {
                reservation.Keep();
                return written.Parse(kind);
            }

            if (prefix.Length == 0 || attempt >= Attempts)
                throw ApiError.AlreadyExists(kind, content.Name());
        }
    }

    /// <summary>Changes an object.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="namespace">The namespace; empty for cluster-scoped kinds.</param>
    /// <param name="name">The name.</param>
    /// <param name="subresource">"status", or empty.</param>
    /// <param name="propose">Makes the new object of a copy of the present one; called again when somebody else was faster.</param>
    /// <param name="request">Who and how.</param>
    /// <param name="tracked">Whether the proposal keeps managedFields itself (server-side apply).</param>
    /// <exception cref="ApiException">The change is refused.</exception>
    public async Task<JsonObject> UpdateAsync(
        ResourceKind kind,
        string @namespace,
        string name,
        string subresource,
        Func<JsonObject, JsonObject> propose,
        WriteRequest request,
        bool tracked = false
    )
    {
        for (var attempt = 0; ; attempt++)
        {
            var current = store.Find(kind, @namespace, name) ?? throw ApiError.NotFound(kind, name);
            var old = current.Parse(kind);
            var content = propose(old.Copy());
            Decode(kind, @namespace, content, request);
            CheckPreconditions(kind, name, content, current);
            ObjectUpdate.KeepMetadata(content, old);
            content = ObjectUpdate.Scope(kind, subresource, content, old);
            kind.Strategy.PrepareForUpdate?.Invoke(content, old);
            Default(kind, content);
            var attributes = new AdmissionAttributes(kind, "UPDATE", @namespace, name, subresource, content, old, request);
            content = await MutateAsync(attributes);
            ObjectUpdate.KeepMetadata(content, old);
            if (!tracked)
                FieldManager.TrackUpdate(old, content, kind, request.FieldManager, subresource, Now());
            Validate(kind, content, old);
            ObjectUpdate.Count(kind, content, old, subresource);
            if (ObjectUpdate.IsSame(content, old))
                return old;
            await admission.ValidateAsync(attributes with { Object = content });
            if (request.DryRun)
                return content;
            var released =
                content.Object("metadata")?["deletionTimestamp"] is not null
                && content.Object("metadata").Array("finalizers") is not { Count: > 0 }
                && !IsHeld(kind, content);
            using var reservation = addresses.Reserve(kind, content, request.DryRun, old);
            var written = released
                ? store.TryRemove(kind, current, ToStored(kind, content.Copy()))
                : store.TryPut(kind, ToStored(kind, content.Copy()), current);
            if (written is not null)
            {
                reservation.Keep();
                return written.Parse(kind);
            }

            if (attempt >= Attempts)
                throw ApiError.Modified(kind, name);
        }
    }

    /// <summary>Deletes an object, or marks it for deletion when something still holds it.</summary>
    /// <returns>What is left of it, or its last state; and whether it is gone.</returns>
    /// <exception cref="ApiException">The deletion is refused.</exception>
    public async Task<(JsonObject Content, bool Gone)> DeleteAsync(
        ResourceKind kind,
        string @namespace,
        string name,
        DeleteOptions options,
        WriteRequest request
    )
    {
        for (var attempt = 0; ; attempt++)
        {
            var current = store.Find(kind, @namespace, name) ?? throw ApiError.NotFound(kind, name);
            if (options.Uid is { Length: > 0 } uid && uid != current.Uid)
                throw ApiError.Conflict(kind, name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {current.Uid}");
            if (options.ResourceVersion is { Length: > 0 } version && version != current.Revision.ToString(CultureInfo.InvariantCulture))
                throw ApiError.Conflict(
                    kind,
                    name,
                    $"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
                        + $"({current.Revision}). The object might have been modified"
                );
            if (
                kind is { Group: "", Plural: "namespaces" }
                && name is "default" or "kube-system" or "kube-public"
                && kind.Plural == "namespaces"
            )
                throw ApiError.Forbidden(kind, name, "this namespace may not be deleted");
            var content = current.Parse(kind);
            await admission.ValidateAsync(new AdmissionAttributes(kind, "DELETE", @namespace, name, "", null, content, request));
            Deletion.Mark(kind, content, options, time.GetUtcNow(), GracefulPods);
            var held = content.Object("metadata").Array("finalizers") is { Count: > 0 } || IsHeld(kind, content);
            if (request.DryRun || options.DryRun)
                return (content, !held);
            if (!held)
            {
                if (store.TryRemove(kind, current) is { } last)
                    return (last.Parse(kind), true);
            }
            else if (ObjectUpdate.IsSame(content, current.Parse(kind)))
            {
                return (content, false);
            }
            else if (store.TryPut(kind, ToStored(kind, content), current) is { } marked)
            {
                return (marked.Parse(kind), false);
            }

            if (attempt >= Attempts)
                throw ApiError.Modified(kind, name);
        }
    }

    /// <summary>Whether a pod that runs on a node waits for its node to end it.</summary>
    public bool GracefulPods { get; set; }

    private string Now() => Rfc3339.Seconds(time.GetUtcNow());

    private static bool IsHeld(ResourceKind kind, JsonObject content) =>
        kind switch
        {
            { Group: "", Plural: "namespaces" } => content.Object("spec").Array("finalizers") is { Count: > 0 },
            { Group: "", Plural: "pods" } => content.Object("metadata").Integer("deletionGracePeriodSeconds") > 0,
            _ => false,
        };

    private static JsonObject ToStored(ResourceKind kind, JsonObject content) => kind.ToStored is { } convert ? convert(content) : content;

    private static void Decode(ResourceKind kind, string @namespace, JsonObject content, WriteRequest request)
    {
        Identity.Check(kind, @namespace, content);
        var unknown = kind.Decode(content);
        foreach (var path in unknown)
            Identity.Report($"unknown field \"{path}\"", request);
        if (unknown.Count > 0 && request.FieldValidation == FieldValidation.Strict)
            throw ApiError.BadRequest(
                $"{kind.Kind} in version \"{kind.Version}\" cannot be handled as a {kind.Kind}: strict decoding error: "
                    + $"{string.Join(", ", unknown.Select(u => $"unknown field \"{u}\""))}"
            );
    }

    private static void Default(ResourceKind kind, JsonObject content)
    {
        kind.Strategy.Default?.Invoke(content);
        if (kind.IsCustom)
            SchemaDefaults.Apply(content, kind.Schema);
    }

    private async Task<JsonObject> MutateAsync(AdmissionAttributes attributes)
    {
        var mutated = await admission.MutateAsync(attributes);
        if (ReferenceEquals(mutated, attributes.Object))
            return mutated;
        Identity.Check(attributes.Kind, attributes.Namespace, mutated);
        attributes.Kind.Decode(mutated);
        Default(attributes.Kind, mutated);
        return mutated;
    }

    private static void Validate(ResourceKind kind, JsonObject content, JsonObject? old)
    {
        var errors = new FieldErrors();
        MetadataValidation.Validate(content, old, kind, errors);
        kind.Strategy.Validate?.Invoke(content, old, errors);
        if (kind.IsCustom)
            SchemaValidation.Validate(content, kind.Schema, errors);
        if (errors.Any)
            throw ApiError.Invalid(kind, content.Name(), errors);
    }

    private static void CheckPreconditions(ResourceKind kind, string name, JsonObject content, StoredObject current)
    {
        var metadata = content.Object("metadata");
        if (metadata.Text("uid") is { Length: > 0 } uid && uid != current.Uid)
            throw ApiError.Conflict(kind, name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {current.Uid}");
        if (
            metadata.Text("resourceVersion") is { Length: > 0 } version
            && version != current.Revision.ToString(CultureInfo.InvariantCulture)
        )
            throw ApiError.Modified(kind, name);
    }

    private void CheckNamespace(ResourceKind kind, string @namespace, JsonObject content)
    {
        if (!kind.Namespaced)
            return;
        var found = store.Find(kinds.Builtin("", "namespaces"), "", @namespace) ?? throw ApiError.NamespaceNotFound(@namespace);
        if (found.IsDeleting)
            throw ApiError.Forbidden(
                kind,
                content.Name(),
                $"unable to create new content in namespace {@namespace} because it is being terminated",
                new JsonArray(
                    new JsonObject
                    {
                        ["reason"] = "NamespaceTerminating",
                        ["message"] = $"namespace {@namespace} is being terminated",
                        ["field"] = "metadata.namespace",
                    }
                )
            );
    }
}
