namespace MeshOperator.LocalCluster.Errors;

/// <summary>What errors call a kind.</summary>
internal interface IKindNames
{
    string Group { get; }

    string Version { get; }

    string Kind { get; }

    string Plural { get; }

    /// <summary>The plural with the group: <c>deployments.apps</c>.</summary>
    string QualifiedPlural { get; }

    /// <summary>The kind with the group: <c>Deployment.apps</c>.</summary>
    string QualifiedKind { get; }
}
