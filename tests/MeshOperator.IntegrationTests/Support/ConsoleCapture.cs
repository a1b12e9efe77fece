namespace MeshOperator.IntegrationTests.Support;

/// <summary>Takes what this process writes to its console, where an operator in it logs.</summary>
internal sealed class ConsoleCapture : IDisposable
{
    private readonly TextWriter _output = Console.Out;
    private readonly TextWriter _error = Console.Error;
    private readonly StringWriter _taken = new();

    public ConsoleCapture()
    {
        var both = TextWriter.Synchronized(_taken);
        Console.SetOut(both);
        Console.SetError(both);
    }

    /// <summary>Gives the console back; all that was written.</summary>
    public string End()
    {
        Dispose();
        return _taken.ToString();
    }

    public void Dispose()
    {
        Console.SetOut(_output);
        Console.SetError(_error);
    }
}
