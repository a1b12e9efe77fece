using System.Diagnostics;
using k8s;
using k8s.Models;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Checks;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Local.Node;

namespace MeshOperator.EndToEnd.Node;

/// <summary>One pod: its network and volumes, its init containers in their order, the proxy, the application, probes and status, and its
/// end.</summary>
internal sealed class RunningPod
{
    /// <summary>What a kubelet gives a container at least, however much of the grace period is used up.</summary>
    private static readonly TimeSpan LeastGrace = TimeSpan.FromSeconds(2);

    /// <summary>Annotation: <c>true</c> gives the pod an address of IPv6 as well.</summary>
    public const string DualStackAnnotation = "e2e.meshoperator.io/dual-stack";

    private static readonly TimeSpan RestartBackoff = TimeSpan.FromSeconds(10);
    private readonly k8s.Kubernetes _client;
    private readonly NodeNetwork _node;
    private readonly ProxyBudget _budget;
    private readonly string _hosts;
    private readonly PodVolumes _volumes;
    private readonly PodStatusWriter _status;
    private readonly CancellationTokenSource _ending = new();
    private readonly CancellationTokenSource _probing = new();
    private readonly List<Task> _loops = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(string Container, TimeSpan After)> _endings = [];
    private Task _starting = Task.CompletedTask;
    private IDisposable? _place;
    private int _isEnding;

    public RunningPod(V1Pod pod, k8s.Kubernetes client, ClusterView view, NodeNetwork node, ProxyBudget budget, string folder, string hosts)
    {
        (Pod, _client, _node, _budget, _hosts) = (pod, client, node, budget, hosts);
        _volumes = new PodVolumes(
            pod,
            folder,
            client,
            ns => view.TrustBundles.Objects.GetValueOrDefault(new ObjectKey(ns, Api.MeshNames.TrustBundleConfigMap))
        );
        _status = new PodStatusWriter(pod, client, NodeNetwork.HostAddress);
    }

    /// <summary>The pod as it was when it came.</summary>
    public V1Pod Pod { get; }

    public string Name => Pod.Metadata.Name;

    public string Namespace => Pod.Metadata.NamespaceProperty;

    public PodNetwork Network { get; private set; } = null!;

    public ProxyProcess? Proxy { get; private set; }

    public Application? Application { get; private set; }

    public bool IsEnding => Volatile.Read(ref _isEnding) != 0;

    /// <summary>What was wrong with its proxy's configuration when it ended.</summary>
    public IReadOnlyList<string> LastFindings { get; private set; } = [];

    /// <summary>Completes when nothing of it is left.</summary>
    public Task Ended => _ended.Task;

    /// <summary>When its containers were asked to end, and did: name and time since the pod was.</summary>
    public IReadOnlyList<(string Container, TimeSpan After)> Endings
    {
        get
        {
            lock (_endings)
                return [.. _endings];
        }
    }

    private bool IsDualStack => Pod.Metadata.Annotations is { } annotations && annotations.ContainsKey(DualStackAnnotation);

    private bool IsNative => (Pod.Spec.InitContainers ?? []).Any(c => c.Name == SidecarInjector.ContainerName);

    public void Start() =>
        _starting = Task.Run(async () =>
        {
            try
            {
                await StartAsync(_ending.Token);
            }
            catch (OperationCanceledException) when (_ending.IsCancellationRequested)
            {
                // It was deleted before it ran.
            }
            catch (k8s.Autorest.HttpOperationException e) when (e.Response.StatusCode == System.Net.HttpStatusCode.NotFound)
            {
                // Its namespace has gone.
            }
            catch (Exception e)
            {
                await Console.Error.WriteLineAsync($"pod {Namespace}/{Name} did not start: {e}");
            }
        });

    /// <summary>Brings what comes from ConfigMaps up to date.</summary>
    public Task RefreshAsync() => _starting.IsCompletedSuccessfully ? _volumes.RefreshAsync() : Task.CompletedTask;

    /// <summary>Ends the pod within its grace period; zero kills it. Called again it changes nothing, but for zero.</summary>
    public void End(TimeSpan grace)
    {
        if (grace == TimeSpan.Zero)
            _probing.Cancel();
        if (Interlocked.Exchange(ref _isEnding, 1) != 0)
            return;
        _ = Task.Run(async () =>
        {
            try
            {
                await EndAsync(grace);
            }
            catch (Exception e)
            {
                await Console.Error.WriteLineAsync($"pod {Namespace}/{Name} did not end well: {e}");
            }
            finally
            {
                _ended.TrySetResult();
            }
        });
    }

    /// <summary>Ends the application well and for good, as that of a Job does.</summary>
    public async Task CompleteApplicationAsync()
    {
        await Application!.StopAsync(LeastGrace);
        foreach (var container in Pod.Spec.Containers.Where(c => c.Name != SidecarInjector.ContainerName))
            _status.Complete(container.Name);
        await _status.WriteAsync();
    }

    private async Task StartAsync(CancellationToken cancellation)
    {
        if (SidecarInjector.IsInjected(Pod))
            _place = await _budget.EnterAsync(Namespace, cancellation);
        Network = await _node.AttachAsync(IsDualStack);
        _status.Addresses = [Network.Address.ToString(), .. Network.OtherAddress is { } other ? [other.ToString()] : Array.Empty<string>()];
        await _status.WriteAsync();
        await _volumes.CreateAsync(cancellation);
        var probe = new Probe(_node.Namespace, Network.Address);
        foreach (var container in Pod.Spec.InitContainers ?? [])
        {
            if (container.Name == SidecarInjector.ContainerName)
                await StartProxyAsync(container, probe, cancellation);
            else if (container.Args is { Count: > 0 } arguments && container.Image.Contains("init", StringComparison.Ordinal))
                await CaptureAsync(container, arguments);
            if (container.RestartPolicy != "Always")
                _status.Complete(container.Name);
        }

        foreach (var container in Pod.Spec.Containers)
        {
            if (container.Name == SidecarInjector.ContainerName)
                await StartProxyAsync(container, probe, cancellation);
            else
                Application ??= await Application.StartAsync(Pod, Network);
            if (container.Name != SidecarInjector.ContainerName)
                _status.Run(container.Name, isReady: container.ReadinessProbe is null);
        }

        _status.IsRunning = true;
        await _status.WriteAsync();
        foreach (var container in (Pod.Spec.InitContainers ?? []).Concat(Pod.Spec.Containers).Where(c => c.ReadinessProbe is not null))
            _loops.Add(ProbeAsync(container, probe, _probing.Token));
    }

    private async Task StartProxyAsync(V1Container container, Probe probe, CancellationToken cancellation)
    {
        Proxy = new ProxyProcess(Pod, container, Network, _volumes, _hosts);
        await Proxy.StartAsync();
        _loops.Add(RestartAsync(container));
        while (container.StartupProbe is { } startup && !await probe.AskAsync(container, startup))
            await Task.Delay(Probe.Pause(startup, false), TimeProvider.System, cancellation);
        _status.Run(container.Name, isReady: container.ReadinessProbe is null);
    }

    private async Task CaptureAsync(V1Container container, IList<string> arguments)
    {
        string[] variables = [.. (container.Env ?? []).Select(v => $"{v.Name}={v.Value}")];
        await Command.RunAsync(
            "nsenter",
            ["--net=" + Network.Namespace.Path, "--", "env", .. variables, Requirements.CaptureScript, .. arguments]
        );
    }

    private async Task ProbeAsync(V1Container container, Probe probe, CancellationToken cancellation)
    {
        var failures = 0;
        while (!cancellation.IsCancellationRequested)
        {
            // A container that was started again is not ready until a probe says so.
            var wasReady = _status.IsContainerReady(container.Name);
            var succeeded = await probe.AskAsync(container, container.ReadinessProbe!);
            failures = succeeded ? 0 : failures + 1;
            if (
                succeeded != wasReady
                && (succeeded || failures >= (container.ReadinessProbe!.FailureThreshold ?? 3))
                && !cancellation.IsCancellationRequested
            )
            {
                _status.Run(container.Name, succeeded);
                await _status.WriteAsync();
            }

            await Task.Delay(
                    Probe.Pause(container.ReadinessProbe!, _status.IsContainerReady(container.Name)),
                    TimeProvider.System,
                    cancellation
                )
                .ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    /// <summary>A proxy that ends by itself is started again, at once the first time.</summary>
    private async Task RestartAsync(V1Container container)
    {
        while (true)
        {
            await Proxy!.Current.Ended;
            if (IsEnding)
                return;
            if (Pod.Spec.RestartPolicy is "Never" or "OnFailure" && Proxy.Current.ExitCode == 0)
            {
                await _probing.CancelAsync();
                _status.Complete(container.Name);
                await _status.WriteAsync();
                return;
            }

            _status.Restart(container.Name);
            await _status.WriteAsync();
            if (Proxy.Restarts > 0)
                await Task.Delay(RestartBackoff, TimeProvider.System, _probing.Token).ContinueWith(_ => { }, TaskScheduler.Default);
            if (IsEnding)
                return;
            await Proxy.StartAsync();
        }
    }

    private async Task EndAsync(TimeSpan grace)
    {
        var clock = Stopwatch.StartNew();
        if (grace == TimeSpan.Zero)
            await _ending.CancelAsync();
        // A pod that starts is ended when it has started, or at once if it waits for something.
        await Task.WhenAny(_starting, Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System));
        await _ending.CancelAsync();
        await _starting;
        if (Proxy is { Current.HasExited: false })
            LastFindings = await ProxyChecks.FindAsync(this);
        if (grace > TimeSpan.Zero && Network is not null)
        {
            var probe = new Probe(_node.Namespace, Network.Address);
            var applications = EndApplicationAsync(probe, grace, clock);
            var proxy = EndProxyAsync(probe, grace, clock, IsNative ? applications : Task.CompletedTask);
            await Task.WhenAll(applications, proxy);
        }

        await _probing.CancelAsync();
        if (Application is not null)
            await Application.DisposeAsync();
        if (Proxy is not null)
            await Proxy.DisposeAsync();
        await Task.WhenAll(_loops);
        if (Network is not null)
            await Network.DisposeAsync();
        _place?.Dispose();
        await _status.DeleteAsync();
        if (Directory.Exists(_volumes.Folder))
            Directory.Delete(_volumes.Folder, recursive: true);
    }

    private async Task EndApplicationAsync(Probe probe, TimeSpan grace, Stopwatch clock)
    {
        if (Application is null)
            return;
        var container = Pod.Spec.Containers.First(c => c.Name != SidecarInjector.ContainerName);
        using var limit = new CancellationTokenSource(grace);
        await probe.RunAsync(container, container.Lifecycle?.PreStop, limit.Token);
        await Application.StopAsync(Left(grace, clock));
        Note(container.Name, clock);
    }

    /// <summary>The hook runs at once; then a native sidecar waits until the application has ended.</summary>
    private async Task EndProxyAsync(Probe probe, TimeSpan grace, Stopwatch clock, Task before)
    {
        if (Proxy is null)
            return;
        using var limit = new CancellationTokenSource(grace);
        await probe.RunAsync(Proxy.Container, Proxy.Container.Lifecycle?.PreStop, limit.Token);
        await before;
        LastFindings = [.. LastFindings.Union(await ProxyChecks.FindAsync(this))];
        Proxy.Current.Terminate();
        await Task.WhenAny(Proxy.Current.Ended, Task.Delay(Left(grace, clock), TimeProvider.System));
        Proxy.Current.Kill();
        await Proxy.Current.Ended;
        Note(Proxy.Container.Name, clock);
    }

    private static TimeSpan Left(TimeSpan grace, Stopwatch clock) =>
        grace - clock.Elapsed > LeastGrace ? grace - clock.Elapsed : LeastGrace;

    private void Note(string container, Stopwatch clock)
    {
        lock (_endings)
            _endings.Add((container, clock.Elapsed));
    }
}
