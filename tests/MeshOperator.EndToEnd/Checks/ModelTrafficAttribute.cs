namespace MeshOperator.EndToEnd.Checks;

/// <summary>A row of the README's table of model traffic, which a test shows to be true.</summary>
/// <param name="place">Its place in the table; tests that show the same row have the same.</param>
/// <param name="what">What is done.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class ModelTrafficAttribute(int place, string what) : Attribute
{
    /// <summary>Its place in the table.</summary>
    public int Place => place;

    /// <summary>What is done.</summary>
    public string What => what;

    /// <summary>Its number in the first list of what fails, 1 to 18; 0 where it is not of that.</summary>
    public int Row { get; set; }

    /// <summary>What comes of it without the mesh.</summary>
    public string Direct { get; set; } = string.Empty;

    /// <summary>What comes of it with Envoy's own settings.</summary>
    public string Before { get; set; } = string.Empty;

    /// <summary>What the test asserts.</summary>
    public string Now { get; set; } = string.Empty;
}
