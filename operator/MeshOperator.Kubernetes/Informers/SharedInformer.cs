using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Metrics;
using MeshOperator.Kubernetes.Queue;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes.Informers;

/// <summary>Keeps a copy of all objects of a kind by list and watch. It lists in pages, then watches from that version; a version
/// that is too old, in whichever form the server says so, leads to a new list whose difference to the copy is reported as changes, so
/// that no deletion is missed. Events that come twice or late change nothing. Readers see immutable snapshots.</summary>
/// <typeparam name="T">An entity type with <see cref="KubernetesEntityAttribute"/>.</typeparam>
public sealed class SharedInformer<T> : IInformer
    where T : class, IKubernetesObject<V1ObjectMeta>
{
    /// <summary>How often a list that is older than what is known is refused before the server is believed (it may have been restored
    /// from a backup).</summary>
    private const int MostStaleLists = 3;

    private static readonly ExponentialBackoff Backoff = new(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(30));

    /// <summary>A watch that has lasted this long makes up for failures before it: else a connection that breaks now and then would make
    /// the pauses, in which the copy is out of date, longer and longer.</summary>
    private static readonly TimeSpan HealthyAfter = TimeSpan.FromSeconds(5);

    /// <summary>A watch that ends sooner than this and brought nothing is a failure: else a server that refuses so would be asked in a
    /// loop.</summary>
    private static readonly TimeSpan ShortestWatch = TimeSpan.FromSeconds(1);

    private readonly KubernetesTransport _transport;
    private readonly InformerOptions<T> _options;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ILogger _logger;
    private readonly ResourceKind _kind = ResourceKind.ForEntity<T>();
    private readonly ObjectReader<T> _reader;
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ImmutableDictionary<ObjectKey, T> _objects = ImmutableDictionary<ObjectKey, T>.Empty;
    private string? _version;
    private string? _newest;
    private int _staleLists;
    private bool _hasAsked;

    /// <summary>Makes an informer; <see cref="RunAsync"/> starts it.</summary>
    public SharedInformer(
        KubernetesTransport transport,
        InformerOptions<T> options,
        TimeProvider time,
        Random random,
        ILogger<SharedInformer<T>> logger
    )
    {
        _transport = transport;
        _options = options;
        _time = time;
        _random = random;
        _logger = logger;
        _reader = new ObjectReader<T>(_kind.Plural, options, logger);
    }

    /// <summary>A change of the copy, reported after it is visible in <see cref="Objects"/>, from one thread at a time. A subscriber must
    /// return at once: it marks a key in a queue and no more.</summary>
    public event Action<ObjectChange<T>>? Changed;

    /// <summary>All objects as they were at one moment.</summary>
    public ImmutableDictionary<ObjectKey, T> Objects => Volatile.Read(ref _objects);

    /// <inheritdoc/>
    public string Resource => _kind.Plural;

    /// <inheritdoc/>
    public bool HasSynced => _synced.Task.IsCompletedSuccessfully;

    /// <summary>The version up to which everything is known: of the last list, event or bookmark; null before the first list, and while
    /// a new one is needed.</summary>
    public string? WatchedVersion => Volatile.Read(ref _version);

    /// <inheritdoc/>
    public Task WaitForSyncAsync(CancellationToken cancellation) => _synced.Task.WaitAsync(cancellation);

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var failures = 0;
        while (!cancellation.IsCancellationRequested)
        {
            var pause = TimeSpan.Zero;
            var reason = "ended";
            var cutOff = false;
            var opened = _time.GetTimestamp();
            try
            {
                if (_version is null)
                    await ListAsync(cancellation);
                opened = _time.GetTimestamp();
                var before = _version;
                await WatchAsync(cancellation);
                if (_version == before && _time.GetElapsedTime(opened) < ShortestWatch)
                {
                    pause = Backoff.After(++failures, _random.NextDouble());
                    Log.WatchEndedEarly(_logger, _kind.Plural, pause.TotalSeconds);
                }
                else
                {
                    failures = 0;
                }
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                if (_version is not null && _time.GetElapsedTime(opened) >= HealthyAfter)
                    failures = 0;
                failures++;
                (reason, pause) = Judge(e, failures);
                cutOff = KubernetesTransport.IsUnreachable(e);
            }

            KubernetesMetrics.WatchReconnects.Add(1, new("resource", _kind.Plural), new KeyValuePair<string, object?>("reason", reason));
            if (pause > TimeSpan.Zero)
            {
                // What is known ages meanwhile, and the pause may be long: for a server out of reach it ends when it answers anybody.
                var paused = cutOff ? _transport.PauseAsync(pause, cancellation) : Task.Delay(pause, _time, cancellation);
                await paused.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>What to do after an error: whether to list again, and when.</summary>
    private (string Reason, TimeSpan Pause) Judge(Exception error, int failures)
    {
        var pause = Backoff.After(failures, _random.NextDouble());
        if (error is KubernetesApiException { RetryAfter: { } asked } && asked > pause)
            pause = asked;
        switch (error)
        {
            case KubernetesApiException { StatusCode: HttpStatusCode.Gone }:
                Log.VersionTooOld(_logger, _kind.Plural, error.Message);
                _version = null;
                // Right away the first time; a server that answers nothing else must not be asked in a loop.
                return ("gone", failures == 1 ? TimeSpan.Zero : pause);
            case InvalidDataException:
                Log.WatchMalformed(_logger, _kind.Plural, error.Message, pause.TotalSeconds);
                _version = null;
                return ("malformed", pause);
            case TimeoutException:
                Log.WatchFailed(_logger, error, _kind.Plural, pause.TotalSeconds);
                return ("silent", pause);
            default:
                Log.WatchFailed(_logger, error, _kind.Plural, pause.TotalSeconds);
                return ("failed", pause);
        }
    }

    private async Task ListAsync(CancellationToken cancellation)
    {
        var started = _time.GetTimestamp();
        var listed = ImmutableDictionary.CreateBuilder<ObjectKey, T>();
        string? next = null;
        string? version;
        do
        {
            var page = await _transport.ReadAsync(ListPath(next), _reader.Accept, _reader.ReadPageAsync, cancellation);
            foreach (var item in page.Items)
                listed[ObjectKey.From(item)] = item;
            foreach (var key in page.Unreadable)
            {
                // How it was is nearer to the truth than that it were gone.
                if (Objects.TryGetValue(key, out var known))
                    listed[key] = known;
            }

            (next, version) = (page.Continue, page.Version);
        } while (!string.IsNullOrEmpty(next));

        if (version is null)
            throw new InvalidDataException($"The list of {_kind.Plural} has no resource version.");
        if (ResourceVersion.IsOlder(version, _newest) && _staleLists++ < MostStaleLists)
            throw new InvalidDataException($"The list of {_kind.Plural} is of version {version}, older than {_newest}, which is known.");
        _staleLists = 0;
        Replace(listed.ToImmutable());
        (_version, _newest) = (version, version);
        KubernetesMetrics.ListDuration.Record(
            _time.GetElapsedTime(started).TotalSeconds,
            new KeyValuePair<string, object?>("resource", _kind.Plural)
        );
        _synced.TrySetResult();
    }

    private string ListPath(string? next)
    {
        var path = _kind.Path(_options.Namespace) + string.Create(CultureInfo.InvariantCulture, $"?limit={_options.PageSize}{Selectors()}");
        if (next is not null)
            return path + $"&continue={Uri.EscapeDataString(next)}";
        // The cache answers without pages. A server that fails so once is asked for a list in pages.
        var fromCache = _options.FirstListFromCache && !_hasAsked;
        _hasAsked = true;
        return fromCache ? path + "&resourceVersion=0" : path;
    }

    private void Replace(ImmutableDictionary<ObjectKey, T> listed)
    {
        var changes = new List<ObjectChange<T>>();
        var before = _objects;
        foreach (var (key, old) in before)
        {
            if (!listed.ContainsKey(key))
                changes.Add(new ObjectChange<T>(key, old, null));
        }

        foreach (var (key, current) in listed)
        {
            var old = before.GetValueOrDefault(key);
            if (
                old is not null
                && old.Metadata.ResourceVersion == current.Metadata.ResourceVersion
                && old.Metadata.Uid == current.Metadata.Uid
            )
                continue;
            if (old is not null && old.Metadata.Uid != current.Metadata.Uid)
            {
                // Deleted and made again while nobody watched: two objects, so two changes.
                changes.Add(new ObjectChange<T>(key, old, null));
                old = null;
            }

            changes.Add(new ObjectChange<T>(key, old, current));
        }

        Volatile.Write(ref _objects, listed);
        foreach (var change in changes)
            Notify(change);
    }

    /// <summary>Watches until the server ends it.</summary>
    private async Task WatchAsync(CancellationToken cancellation)
    {
        var seconds = _random.Next(300, 600);
        var path =
            $"{_kind.Path(_options.Namespace)}?watch=1&allowWatchBookmarks=true&resourceVersion={Uri.EscapeDataString(_version!)}"
            + string.Create(CultureInfo.InvariantCulture, $"&timeoutSeconds={seconds}{Selectors()}");
        await WatchStream.ReadAsync(
            _transport,
            _kind.Plural,
            path,
            TimeSpan.FromSeconds(seconds),
            _options.LongestSilence,
            _time,
            Handle,
            cancellation
        );
    }

    private void Handle(WatchLine.Kind type, byte[] json)
    {
        if (type == WatchLine.Kind.Error)
        {
            Count("ERROR");
            throw WatchLine.ToException(_kind.Plural, json);
        }

        if (type == WatchLine.Kind.Bookmark)
        {
            Count("BOOKMARK");
            Advance(WatchLine.FindVersion(json));
            return;
        }

        var (key, version, entity) = _reader.Read(json);
        if (ResourceVersion.IsSameOrOlder(version, _version))
        {
            Count("STALE");
            return;
        }

        Count(
            type switch
            {
                WatchLine.Kind.Added => "ADDED",
                WatchLine.Kind.Modified => "MODIFIED",
                _ => "DELETED",
            }
        );
        var old = _objects.GetValueOrDefault(key);
        if (type == WatchLine.Kind.Deleted)
        {
            if (old is not null)
                Exchange(new ObjectChange<T>(key, old, null));
        }
        else if (entity is not null && old?.Metadata.ResourceVersion != version)
        {
            Exchange(new ObjectChange<T>(key, old, entity));
        }

        Advance(version);
    }

    private void Advance(string? version)
    {
        if (version is null || ResourceVersion.IsOlder(version, _version))
            return;
        _version = version;
        if (!ResourceVersion.IsOlder(version, _newest))
            _newest = version;
    }

    private void Exchange(ObjectChange<T> change)
    {
        Volatile.Write(ref _objects, change.New is null ? _objects.Remove(change.Key) : _objects.SetItem(change.Key, change.New));
        Notify(change);
    }

    /// <summary>A subscriber's failure is its own: neither the others nor the watch must suffer.</summary>
    private void Notify(ObjectChange<T> change)
    {
        foreach (var subscriber in Delegate.EnumerateInvocationList(Changed))
        {
            try
            {
                subscriber(change);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                Log.SubscriberFailed(_logger, e, _kind.Plural, change.Key.ToString());
            }
        }
    }

    private void Count(string type) =>
        KubernetesMetrics.WatchEvents.Add(1, new("resource", _kind.Plural), new KeyValuePair<string, object?>("type", type));

    private string Selectors() =>
        (_options.LabelSelector is null ? string.Empty : $"&labelSelector={Uri.EscapeDataString(_options.LabelSelector)}")
        + (_options.FieldSelector is null ? string.Empty : $"&fieldSelector={Uri.EscapeDataString(_options.FieldSelector)}");
}
