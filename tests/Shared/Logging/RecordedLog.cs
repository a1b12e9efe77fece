using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Testing;

/// <summary>Keeps what is logged.</summary>
internal class RecordedLog : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _entries = new();

    /// <summary>The texts, in their order.</summary>
    public IReadOnlyList<string> Lines => [.. _entries.Select(entry => entry.Text)];

    /// <summary>The texts of one level.</summary>
    public IReadOnlyList<string> At(LogLevel level) => [.. _entries.Where(entry => entry.Level == level).Select(entry => entry.Text)];

    public ILogger CreateLogger(string categoryName) => this;

    public void Dispose() { }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    ) => _entries.Enqueue((logLevel, formatter(state, exception)));
}

/// <summary>Keeps what a class logs.</summary>
internal sealed class RecordedLog<T> : RecordedLog, ILogger<T>;
