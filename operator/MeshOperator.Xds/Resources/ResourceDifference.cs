namespace MeshOperator.Xds.Resources;

/// <summary>What changed from one <see cref="ResourceSet"/> to another.</summary>
internal sealed class ResourceDifference
{
    private readonly int[]? _newIndices;

    private ResourceDifference(int[] upserts, int[] removals, int[]? newIndices)
    {
        Upserts = upserts;
        Removals = removals;
        _newIndices = newIndices;
    }

    /// <summary>Indices in the new set of what is new or changed.</summary>
    public int[] Upserts { get; }

    /// <summary>Indices in the old set of what is gone.</summary>
    public int[] Removals { get; }

    /// <summary>Whether all names have the same index in both sets.</summary>
    public bool KeepsIndices => _newIndices is null;

    /// <summary>The index in the new set of what has <paramref name="oldIndex"/> in the old one, or -1.</summary>
    public int NewIndex(int oldIndex) => _newIndices is null ? oldIndex : _newIndices[oldIndex];

    public static ResourceDifference Between(ResourceSet from, ResourceSet to)
    {
        var upserts = new List<int>();
        var removals = new List<int>();
        var newIndices = from.HasSameNames(to) ? null : new int[from.Count];
        int a = 0,
            b = 0;
        while (a < from.Count || b < to.Count)
        {
            var order =
                a == from.Count ? 1
                : b == to.Count ? -1
                : string.CompareOrdinal(from[a].Name, to[b].Name);
            if (order < 0)
            {
                newIndices?[a] = -1;
                removals.Add(a++);
            }
            else if (order > 0)
            {
                upserts.Add(b++);
            }
            else
            {
                newIndices?[a] = b;
                if (!ReferenceEquals(from[a], to[b]) && from[a].Version != to[b].Version)
                    upserts.Add(b);
                a++;
                b++;
            }
        }

        return new ResourceDifference([.. upserts], [.. removals], newIndices);
    }
}
