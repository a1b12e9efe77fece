namespace MeshOperator.Mesh.Model;

/// <summary>Bounds how many requests an application handles at once.</summary>
/// <param name="Running">Requests that the application has at once, at least 1.</param>
/// <param name="Waiting">Requests that wait for one of those to end, at least 0. Further ones are refused.</param>
public sealed record RequestQueue(int Running, int Waiting);
