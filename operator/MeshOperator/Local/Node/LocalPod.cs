using System.Net;
using k8s.Models;
using MeshOperator.Injection;
using MeshOperator.Local.Application;

namespace MeshOperator.Local.Node;

/// <summary>One pod on this machine: its files, its application stand-in, its proxy, its status, and its end.</summary>
internal sealed class LocalPod : IDisposable
{
    private static readonly TimeSpan ReadyWithin = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ReadyEvery = TimeSpan.FromMilliseconds(50);

    /// <summary>How long a pod goes on when it is deleted, so that all callers have heard of it.</summary>
    private static readonly TimeSpan Drain = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan RestartBackoff = TimeSpan.FromSeconds(5);
    private readonly LocalNode _node;
    private readonly PodVolumes _volumes;
    private readonly PodStatusWriter _status;
    private readonly CancellationTokenSource _ending = new();
    private Task _running = Task.CompletedTask;
    private Task _restarting = Task.CompletedTask;
    private int _isEnding;

    public LocalPod(V1Pod pod, LocalNode node, string address)
    {
        (Pod, _node, Address) = (pod, node, address);
        _volumes = new PodVolumes(pod, Path.Combine(node.Folder, pod.Metadata.Uid), node.Client, node.FindTrustBundle);
        _status = new PodStatusWriter(pod, node.Client, LocalNode.HostAddress) { Addresses = [address] };
    }

    /// <summary>The pod as it was when it came.</summary>
    public V1Pod Pod { get; }

    /// <summary>Its address.</summary>
    public string Address { get; }

    /// <summary>Its namespace and name.</summary>
    public string Name => $"{Pod.Metadata.NamespaceProperty}/{Pod.Metadata.Name}";

    /// <summary>Its proxy; null where it has none, or none yet.</summary>
    public ILocalProxy? Proxy { get; private set; }

    /// <summary>What stands in for its application; null before it runs.</summary>
    public StandIn? StandIn { get; private set; }

    /// <summary>What went wrong last; null when it is well.</summary>
    public string? Problem { get; private set; }

    /// <summary>Whether all of it is ready.</summary>
    public bool IsReady => _status.IsReady;

    /// <summary>How often its proxy was started again.</summary>
    public int Restarts { get; private set; }

    /// <summary>Completes when nothing of it is left.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    /// <summary>Whether it was told to end.</summary>
    public bool IsEnding => Volatile.Read(ref _isEnding) != 0;

    /// <summary>The container of its proxy; null without one.</summary>
    public V1Container? ProxyContainer =>
        Pod.Spec.Containers.Concat(Pod.Spec.InitContainers ?? []).FirstOrDefault(c => c.Name == SidecarInjector.ContainerName);

    /// <summary>Runs it until <see cref="End"/>.</summary>
    public void Start()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Ended = ended.Task;
        _running = RunAsync(_ending.Token);
    }

    /// <summary>Brings what comes from ConfigMaps up to date.</summary>
    public async Task RefreshAsync()
    {
        if (IsEnding || !_running.IsCompletedSuccessfully)
            return;
        try
        {
            await _volumes.RefreshAsync();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A pod that ends meanwhile takes its files away.
            if (!IsEnding)
                Report($"its trust bundle cannot be written: {e.Message}");
        }
    }

    /// <summary>Ends it; called again it changes nothing.</summary>
    /// <param name="drains">Whether it goes on until all callers have heard of it.</param>
    public void End(bool drains)
    {
        if (Interlocked.Exchange(ref _isEnding, 1) == 0)
            Ended = Task.Run(() => EndAsync(drains));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ending.Dispose();
        _status.Dispose();
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            await StartAsync(cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // It was deleted before it ran.
        }
        catch (k8s.Autorest.HttpOperationException e) when (e.Response.StatusCode == HttpStatusCode.NotFound)
        {
            // Its object has gone.
        }
        catch (Exception e)
            when (e
                    is IOException
                        or FormatException
                        or InvalidOperationException
                        or UnauthorizedAccessException
                        or System.Net.Sockets.SocketException
                        or System.ComponentModel.Win32Exception
                        or HttpRequestException
                        or k8s.Autorest.HttpOperationException
            )
        {
            Report($"did not start: {e.Message}");
        }
    }

    private async Task StartAsync(CancellationToken cancellation)
    {
        await _node.AnnotateAsync(Pod, Address, cancellation);
        await _status.WriteAsync();
        Directory.CreateDirectory(_volumes.Folder);
        await _volumes.CreateAsync(cancellation);
        var hasProxy = ProxyContainer is not null;
        StandIn = await StandIn.StartAsync(
            Pod,
            hasProxy ? PodAddresses.GetApplication(Address) : Address,
            hasProxy ? Address : null,
            _node.Traffic,
            cancellation
        );
        foreach (var container in Pod.Spec.Containers.Where(c => c.Name != SidecarInjector.ContainerName))
            _status.Run(container.Name, isReady: true);
        foreach (var container in (Pod.Spec.InitContainers ?? []).Where(c => c.Name != SidecarInjector.ContainerName))
            _status.Complete(container.Name);
        if (ProxyContainer is { } proxy)
            await StartProxyAsync(proxy, cancellation);
        _status.IsRunning = true;
        await _status.WriteAsync();
    }

    private async Task StartProxyAsync(V1Container container, CancellationToken cancellation)
    {
        var places = new PodPlaces(
            Address,
            PodAddresses.GetApplication(Address),
            _node.DiscoveryAddress,
            FindPath(container, ProxyBootstrap.TokenFolder),
            FindPath(container, ProxyBootstrap.TrustFolder),
            FindVolume(container, ProxyBootstrap.AdminFolder)
        );
        var proxies = BuiltInProxies.FindRejection(Pod) is null ? _node.Proxies : _node.BuiltIn;
        Proxy = await proxies.StartAsync(Pod, BootstrapRewriter.Rewrite(container, Pod, places), _volumes.Folder, cancellation);
        _status.Run(container.Name, isReady: false);
        await _status.WriteAsync();
        await WaitUntilReadyAsync(Proxy, cancellation);
        _status.Run(container.Name, isReady: true);
        _restarting = RestartAsync(container, Proxy);
    }

    private string FindPath(V1Container container, string folder) => _volumes.FindPath(FindVolume(container, folder));

    private static string FindVolume(V1Container container, string folder) =>
        container.VolumeMounts.First(mount => mount.MountPath == folder).Name;

    private async Task WaitUntilReadyAsync(ILocalProxy proxy, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(ReadyWithin);
        var probe = new Uri($"http://{Address}:{Api.ProxyPort.Readiness}/healthz/ready");
        try
        {
            while (!await IsReadyAsync(probe, limit.Token))
            {
                if (proxy.Ended.IsCompleted)
                    throw new IOException($"its proxy ended: {await proxy.Ended}");
                await Task.Delay(ReadyEvery, TimeProvider.System, limit.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new IOException($"its proxy was not ready within {ReadyWithin.TotalSeconds:0} s; see {_volumes.Folder}");
        }
    }

    private async Task<bool> IsReadyAsync(Uri probe, CancellationToken cancellation)
    {
        try
        {
            using var answer = await _node.Http.GetAsync(probe, cancellation);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>A proxy that ends by itself is started again, after a pause.</summary>
    private async Task RestartAsync(V1Container container, ILocalProxy proxy)
    {
        try
        {
            var reason = await proxy.Ended.WaitAsync(_ending.Token);
            Report($"the proxy ended ({reason}); it is started again in {RestartBackoff.TotalSeconds:0} s");
            Restarts++;
            _status.Restart(container.Name);
            await _status.WriteAsync();
            await proxy.DisposeAsync();
            Proxy = null;
            await Task.Delay(RestartBackoff, TimeProvider.System, _ending.Token);
            await StartProxyAsync(container, _ending.Token);
            Problem = null;
            await _status.WriteAsync();
        }
        catch (OperationCanceledException)
        {
            // The pod ends.
        }
        catch (Exception e) when (e is IOException or HttpRequestException or System.ComponentModel.Win32Exception)
        {
            Report(e.Message);
        }
    }

    private async Task EndAsync(bool drains)
    {
        if (drains && _status.IsReady)
            await Task.Delay(Drain, TimeProvider.System);
        await _ending.CancelAsync();
        await _running;
        await _restarting;
        if (StandIn is not null)
            await StandIn.StopAsync();
        if (Proxy is not null)
            await Proxy.DisposeAsync();
        if (drains)
            await _status.DeleteAsync();
        if (Directory.Exists(_volumes.Folder))
            Directory.Delete(_volumes.Folder, recursive: true);
    }

    private void Report(string problem)
    {
        Problem = problem;
        _node.Report($"pod {Name}: {problem}");
    }
}
