using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes.Tests;

/// <summary>What a class has logged.</summary>
internal sealed class LogLines<T> : ILogger<T>
{
    public ConcurrentQueue<string> Written { get; } = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    ) => Written.Enqueue($"{logLevel}: {formatter(state, exception)}");
}
