using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Queue;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes.Informers;

/// <summary>Keeps a copy of all objects of a kind by list and watch. It lists in pages, then watches from that version; a version
/// that is too old, in whichever form the server says so, leads to a new list whose difference to the copy is told as changes, so
/// that no deletion is missed. Readers see immutable snapshots.</summary>
/// <typeparam name="T">An entity type with <see cref="KubernetesEntityAttribute"/>.</typeparam>
public sealed class SharedInformer<T> : IInformer
    where T : class, IKubernetesObject<V1ObjectMeta>
{
    private const int PageSize = 500;
    private const int LongestEvent = 16 * 1024 * 1024;
    private static readonly ExponentialBackoff Backoff = new(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(30));
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);
    private readonly KubernetesTransport _transport;
    private readonly InformerOptions<T> _options;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ILogger _logger;
    private readonly ResourceKind _kind = ResourceKind.Of<T>();
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ImmutableDictionary<ObjectKey, T> _objects = ImmutableDictionary<ObjectKey, T>.Empty;
    private string? _version;

    /// <summary>Makes an informer; <see cref="RunAsync"/> starts it.</summary>
    public SharedInformer(KubernetesTransport transport, InformerOptions<T> options, TimeProvider time, Random random, ILogger<SharedInformer<T>> logger)
    {
        _transport = transport;
        _options = options;
        _time = time;
        _random = random;
        _logger = logger;
    }

    /// <summary>A change of the copy, told after it is visible in <see cref="Objects"/>, from one thread at a time. A subscriber must
    /// return at once: it marks a key in a queue and no more.</summary>
    public event Action<ObjectChange<T>>? Changed;

    /// <summary>All objects as they were at one moment.</summary>
    public ImmutableDictionary<ObjectKey, T> Objects => Volatile.Read(ref _objects);

    /// <inheritdoc/>
    public string Resource => _kind.Plural;

    /// <inheritdoc/>
    public bool HasSynced => _synced.Task.IsCompletedSuccessfully;

    /// <inheritdoc/>
    public Task WaitForSyncAsync(CancellationToken cancellation) => _synced.Task.WaitAsync(cancellation);

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var failures = 0;
        while (!cancellation.IsCancellationRequested)
        {
            var pause = TimeSpan.Zero;
            try
            {
                if (_version is null) await ListAsync(cancellation);
                if (await WatchAsync(cancellation)) failures = 0;
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.Gone)
            {
                Log.VersionTooOld(_logger, _kind.Plural, e.Message);
                _version = null;
                // Right away the first time; a server that answers nothing else must not be asked in a loop.
                if (failures++ > 0) pause = Backoff.After(failures, _random.NextDouble());
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                failures++;
                pause = Backoff.After(failures, _random.NextDouble());
                if (e is KubernetesApiException { RetryAfter: { } asked } && asked > pause) pause = asked;
                Log.WatchFailed(_logger, e, _kind.Plural, pause.TotalSeconds);
            }

            if (pause > TimeSpan.Zero) await Pause(pause, cancellation);
        }
    }

    private async Task Pause(TimeSpan pause, CancellationToken cancellation)
    {
        try
        {
            await Task.Delay(pause, _time, cancellation);
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task ListAsync(CancellationToken cancellation)
    {
        var builder = ImmutableDictionary.CreateBuilder<ObjectKey, T>();
        string? next = null;
        string? version;
        do
        {
            var path = $"{_kind.Path(_options.Namespace)}?limit={PageSize}{Selectors()}";
            if (next is not null) path += $"&continue={Uri.EscapeDataString(next)}";
            var page = KubernetesJson.Deserialize<ListPage<T>>(
                new MemoryStream(await _transport.SendAsync(HttpMethod.Get, path, null, "application/json", cancellation)));
            foreach (var item in page.Items ?? []) builder[ObjectKey.Of(item)] = Trimmed(item);
            (next, version) = (page.Metadata?.ContinueProperty, page.Metadata?.ResourceVersion);
        }
        while (!string.IsNullOrEmpty(next));
        Replace(builder.ToImmutable());
        _version = version ?? throw new InvalidDataException($"The list of {_kind.Plural} has no resource version.");
        _synced.TrySetResult();
    }

    private void Replace(ImmutableDictionary<ObjectKey, T> listed)
    {
        var before = _objects;
        Volatile.Write(ref _objects, listed);
        foreach (var (key, old) in before)
        {
            if (!listed.ContainsKey(key)) Changed?.Invoke(new ObjectChange<T>(key, old, null));
        }

        foreach (var (key, current) in listed)
        {
            var old = before.GetValueOrDefault(key);
            if (old?.Metadata.ResourceVersion == current.Metadata.ResourceVersion) continue;
            Changed?.Invoke(new ObjectChange<T>(key, old, current));
        }
    }

    /// <summary>Watches until the server ends it. True when anything came.</summary>
    private async Task<bool> WatchAsync(CancellationToken cancellation)
    {
        var seconds = _random.Next(300, 600);
        using var silence = new CancellationTokenSource(TimeSpan.FromSeconds(seconds) + Grace, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(silence.Token, cancellation);
        var path = $"{_kind.Path(_options.Namespace)}?watch=1&allowWatchBookmarks=true&resourceVersion={Uri.EscapeDataString(_version!)}"
            + string.Create(CultureInfo.InvariantCulture, $"&timeoutSeconds={seconds}{Selectors()}");
        using var response = await _transport.OpenAsync(HttpMethod.Get, path, null, "application/json", either.Token);
        await using var body = await response.Content.ReadAsStreamAsync(either.Token);
        var reader = PipeReader.Create(body);
        var any = false;
        try
        {
            while (true)
            {
                var read = await reader.ReadAsync(either.Token);
                var buffer = read.Buffer;
                while (TryReadLine(ref buffer, out var line))
                {
                    Handle(line);
                    any = true;
                }

                if (buffer.Length > LongestEvent) throw new InvalidDataException($"An event of {_kind.Plural} is longer than {LongestEvent} bytes.");
                reader.AdvanceTo(buffer.Start, buffer.End);
                if (read.IsCompleted) return any;
            }
        }
        catch (OperationCanceledException) when (silence.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"The watch of {_kind.Plural} outlived the {seconds} s it asked for.");
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    private static bool TryReadLine(ref ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> line)
    {
        var end = buffer.PositionOf((byte)'\n');
        if (end is null)
        {
            line = default;
            return false;
        }

        line = buffer.Slice(0, end.Value);
        buffer = buffer.Slice(buffer.GetPosition(1, end.Value));
        return true;
    }

    private void Handle(in ReadOnlySequence<byte> line)
    {
        var (type, json) = WatchLine.Parse(line);
        switch (type)
        {
            case WatchLine.Kind.Error:
                throw WatchLine.ToException(_kind.Plural, json);
            case WatchLine.Kind.Bookmark:
                _version = KubernetesJson.Deserialize<Bookmark>(json).Metadata?.ResourceVersion ?? _version;
                return;
        }

        var entity = KubernetesJson.Deserialize<T>(json);
        var key = ObjectKey.Of(entity);
        var before = _objects;
        var old = before.GetValueOrDefault(key);
        _version = entity.Metadata.ResourceVersion;
        if (type == WatchLine.Kind.Deleted)
        {
            if (old is null) return;
            Volatile.Write(ref _objects, before.Remove(key));
            Changed?.Invoke(new ObjectChange<T>(key, old, null));
            return;
        }

        if (old?.Metadata.ResourceVersion == entity.Metadata.ResourceVersion) return;
        Volatile.Write(ref _objects, before.SetItem(key, Trimmed(entity)));
        Changed?.Invoke(new ObjectChange<T>(key, old, entity));
    }

    private T Trimmed(T entity)
    {
        entity.Metadata.ManagedFields = null;
        entity.Metadata.Annotations?.Remove("kubectl.kubernetes.io/last-applied-configuration");
        _options.Trim?.Invoke(entity);
        return entity;
    }

    private string Selectors() =>
        (_options.LabelSelector is null ? string.Empty : $"&labelSelector={Uri.EscapeDataString(_options.LabelSelector)}")
        + (_options.FieldSelector is null ? string.Empty : $"&fieldSelector={Uri.EscapeDataString(_options.FieldSelector)}");

    private sealed record Bookmark(V1ObjectMeta? Metadata);
}
