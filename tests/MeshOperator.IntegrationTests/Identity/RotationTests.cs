using System.Text;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Authority;
using MeshOperator.Certificates;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Listeners;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Identity;

public sealed class RotationTests(TestCluster cluster)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_operator_makes_the_settings_and_says_that_all_is_well()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        var status = await StatusAsync(mesh, s => Condition(s, "Accepted").Status.ShouldBe("True"));
        status.Phase.ShouldBe("Stable");
        status.ProxiesTrusting.ShouldEndWith("/0");
        Condition(status, "Progressing").Status.ShouldBe("False");
        Condition(status, "ExpiringSoon").Status.ShouldBe("False");
        Condition(status, "ClocksAgree").Status.ShouldBe("True");
        status.Certificates.ShouldNotBeNull().Select(c => c.Name).ShouldBe(["root", "webhook"]);
        status.NotAfter.ShouldBe(status.Certificates![0].NotAfter);
    }

    [Fact]
    public async Task Each_step_waits_for_every_proxy_and_the_status_names_who_holds_it()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster);
        await using var proxies = Proxies(mesh, ns);
        var (quick, slow) = (await proxies.StartAsync("quick"), await proxies.StartAsync("slow"));
        await Eventually.Succeeds(() => proxies.All.ShouldAllBe(p => p.Current != null), Patience);
        var before = mesh.Host.TrustBundle;
        slow.Hold();
        await RotateAsync(mesh);

        foreach (var phase in new[] { "DistributingTrust", "Signing", "Retiring" })
        {
            var held = await StatusAsync(
                mesh,
                s =>
                {
                    s.Phase.ShouldBe(phase);
                    s.ProxiesTrusting.ShouldBe("1/2");
                    s.Holding.ShouldNotBeNull().ShouldHaveSingleItem().Name.ShouldBe(slow.NodeId);
                }
            );
            held.Holding![0].Reason.ShouldNotBeNull().ShouldStartWith("has not acknowledged");
            Condition(held, "Progressing").Message.ShouldContain(slow.NodeId);
            await TrustedRootsAsync(mesh, ns, phase == "Retiring" ? 1 : 2);
            // Its webhook answers the API server, or this would be refused.
            await ns.SplitAsync("split", "web", ("web", phase.Length));
            await SimulatedProxy.HandshakeAsync(slow, quick, Cancellation);
            await SimulatedProxy.HandshakeAsync(quick, slow, Cancellation);
            slow.Release();
        }

        slow.EndHolding();
        var done = await StatusAsync(mesh, s => s.Phase.ShouldBe("Stable"));
        done.Holding.ShouldBeNull();
        mesh.Host.TrustBundle.ShouldNotBe(before);
        quick.Current!.Roots.ShouldBe(mesh.Host.TrustBundle);
    }

    [Fact]
    public async Task A_running_pod_whose_proxy_is_not_connected_holds_a_rotation_until_it_is_gone()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster);
        await using var proxies = Proxies(mesh, ns);
        await proxies.PodAsync("silent");
        await StatusAsync(mesh, s => s.ProxiesTrusting.ShouldBe("0/1"));
        await RotateAsync(mesh);
        await StatusAsync(mesh, s => s.Holding.ShouldNotBeNull().ShouldHaveSingleItem().Reason.ShouldBe("is not connected"));
        await cluster.Entities<V1Pod>().DeleteAsync(new ObjectKey(ns.Name, "silent"), Cancellation);
        await StatusAsync(mesh, s => (s.Phase, s.LastRotation is null).ShouldBe(("Stable", false)));
    }

    [Theory]
    [InlineData(-60)]
    [InlineData(60)]
    public async Task A_replica_whose_clock_is_wrong_is_waited_for_too(int minutes)
    {
        await using var mesh = await TestOperator.StartAsync(cluster, o => o with { ElectionIdentity = "right" });
        await StatusAsync(mesh, s => s.Phase.ShouldBe("Stable"));
        var report = new V1Lease
        {
            Metadata = new V1ObjectMeta
            {
                Name = "other-replica",
                NamespaceProperty = mesh.Namespace,
                Labels = new Dictionary<string, string> { [MeshNames.ReplicaReportLabel] = "true" },
                Annotations = new Dictionary<string, string> { ["meshoperator.io/trust-report"] = ReplicaReport.Create(1, []).ToString() },
            },
            Spec = new V1LeaseSpec
            {
                HolderIdentity = "wrong",
                RenewTime = TimeProvider.System.GetUtcNow().AddMinutes(minutes).UtcDateTime,
            },
        };
        await cluster.Entities<V1Lease>().CreateAsync(report, Cancellation);
        await RotateAsync(mesh);
        await StatusAsync(mesh, s => s.Holding.ShouldNotBeNull().ShouldHaveSingleItem().Name.ShouldBe("wrong"));
        await cluster.Entities<V1Lease>().DeleteAsync(new ObjectKey(mesh.Namespace, "other-replica"), Cancellation);
        await StatusAsync(mesh, s => (s.Phase, s.LastRotation is null).ShouldBe(("Stable", false)));
    }

    [Fact]
    public async Task Who_started_under_the_old_root_finds_the_operator_after_a_rotation_and_its_restart()
    {
        await using var first = await TestOperator.StartAsync(cluster, o => o with { OwnWebhookConfigurations = false });
        await using var ns = await TestNamespace.CreateAsync(cluster);
        var serving = first;
        await using var proxies = new MeshProxies(cluster, ns, first.Host.TrustBundle, () => serving.Host.Ports[ListenerKind.TlsXds].Port);
        var proxy = await proxies.StartAsync("web-0");
        await Eventually.Succeeds(() => proxy.Current.ShouldNotBeNull(), Patience);
        await RotateAsync(first);
        await StatusAsync(first, s => (s.Phase, s.LastRotation is null).ShouldBe(("Stable", false)));

        await using var second = await first.StartAnotherAsync();
        serving = second;
        var streams = proxy.Streams;
        await first.StopAsync();
        await Eventually.Succeeds(() => proxy.Streams.ShouldBeGreaterThan(streams, proxy.LastError), Patience);
        second.Host.TrustBundle.ShouldBe(first.Host.TrustBundle);
        await StatusAsync(second, s => s.ProxiesTrusting.ShouldBe("1/1"));
    }

    [Fact]
    public async Task An_authority_that_cannot_be_used_is_refused_with_the_reason_and_the_last_good_one_stays()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        var before = mesh.Host.TrustBundle;
        var good = await SecretAsync(mesh);
        await ReplaceAsync(mesh, Files(good) with { PrivateKey = New().PrivateKey });
        var refused = await StatusAsync(mesh, s => Condition(s, "Accepted").Status.ShouldBe("False"));
        Condition(refused, "Accepted").Reason.ShouldBe("InvalidSecret");
        Condition(refused, "Accepted").Message.ShouldContain($"Secret {mesh.Namespace}/mesh-ca");
        Condition(refused, "Accepted").Message.ShouldNotContain("PRIVATE KEY");
        refused.Phase.ShouldBe("Stable");
        mesh.Host.TrustBundle.ShouldBe(before);

        var next = New();
        await ReplaceAsync(mesh, next);
        await StatusAsync(
            mesh,
            s => (Condition(s, "Accepted").Status, s.Phase, mesh.Host.TrustBundle).ShouldBe(("True", "Stable", next.Roots))
        );
    }

    [Fact]
    public async Task A_users_intermediate_follows_the_operators_root_without_a_failed_connection()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster);
        await using var proxies = Proxies(mesh, ns);
        var (one, other) = (await proxies.StartAsync("one"), await proxies.StartAsync("other"));
        await Eventually.Succeeds(() => proxies.All.ShouldAllBe(p => p.Current != null), Patience);
        other.Hold();
        var own = UserAuthority.Intermediate(TimeProvider.System.GetUtcNow());
        var secret = await SecretAsync(mesh);
        secret.Metadata.Labels = null;
        secret.Data = Data(own);
        await cluster.Entities<V1Secret>().ReplaceAsync(secret, Cancellation);
        foreach (var phase in new[] { "DistributingTrust", "Signing", "Retiring" })
        {
            await StatusAsync(mesh, s => (s.Phase, s.ProxiesTrusting).ShouldBe((phase, "1/2")));
            await SimulatedProxy.HandshakeAsync(one, other, Cancellation);
            await SimulatedProxy.HandshakeAsync(other, one, Cancellation);
            other.Release();
        }

        other.EndHolding();
        var status = await StatusAsync(mesh, s => s.Phase.ShouldBe("Stable"));
        status.Certificates.ShouldNotBeNull().Select(c => c.Name).ShouldBe(["root", "intermediate", "webhook"]);
        status.NotAfter.ShouldBe(status.Certificates!.Single(c => c.Name == "intermediate").NotAfter);
        mesh.Host.TrustBundle.ShouldBe(own.Roots);
        one.Current!.Certificate.Issuer.ShouldBe("CN=user intermediate");
        await SimulatedProxy.HandshakeAsync(one, other, Cancellation);
    }

    [Fact]
    public async Task No_root_is_made_for_a_users_own_authority_and_the_reason_is_reported()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        var secret = await SecretAsync(mesh);
        secret.Metadata.Labels = null;
        await cluster.Entities<V1Secret>().ReplaceAsync(secret, Cancellation);
        await RotateAsync(mesh);
        var refused = await StatusAsync(mesh, s => Condition(s, "Accepted").Reason.ShouldBe("RotationNotPossible"));
        Condition(refused, "Accepted").Message.ShouldContain($"new authority into Secret {mesh.Namespace}/mesh-ca");
        refused.Phase.ShouldBe("Stable");
    }

    [Fact]
    public async Task Wrong_settings_are_reported_and_change_nothing()
    {
        await using var mesh = await TestOperator.StartAsync(cluster, o => o with { OwnWebhookConfigurations = false });
        await StatusAsync(mesh, s => Condition(s, "Accepted").Status.ShouldBe("True"));
        await PatchAsync(mesh, """{"spec":{"trustDomain":"example.com"}}""");
        var refused = await StatusAsync(mesh, s => Condition(s, "Accepted").Reason.ShouldBe("TrustDomainMismatch"));
        Condition(refused, "Accepted").Message.ShouldContain("--trust-domain example.com");
        await PatchAsync(mesh, """{"spec":{"trustDomain":null,"leafTTL":"5m"}}""");
        refused = await StatusAsync(mesh, s => Condition(s, "Accepted").Reason.ShouldBe("Invalid"));
        Condition(refused, "Accepted").Message.ShouldContain("spec.leafTTL: '5m' is out of range; use a duration from 10m to 168h");
    }

    [Fact]
    public async Task The_settings_decide_about_the_certificates_of_proxies()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await StatusAsync(mesh, s => Condition(s, "Accepted").Status.ShouldBe("True"));
        await PatchAsync(mesh, """{"spec":{"leafTTL":"2h","keyType":"RSA_2048"}}""");
        await StatusAsync(mesh, s => Condition(s, "Accepted").ObservedGeneration.ShouldBe(2));
        await using var ns = await TestNamespace.CreateAsync(cluster);
        await using var proxies = Proxies(mesh, ns);
        var proxy = await proxies.StartAsync("web-0");
        await Eventually.Succeeds(() => proxy.Current.ShouldNotBeNull(), Patience);
        var certificate = proxy.Current!.Certificate;
        (certificate.NotAfter - certificate.NotBefore).ShouldBeInRange(TimeSpan.FromHours(2), TimeSpan.FromHours(2.2));
        certificate.PublicKey.Oid.FriendlyName.ShouldBe("RSA");
    }

    [Fact]
    public async Task A_trust_bundle_that_someone_edits_or_deletes_is_put_back()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster);
        var key = new ObjectKey(ns.Name, "mesh-trust-bundle");
        await BundleAsync(key, mesh.Host.TrustBundle);
        var edited = (await cluster.Entities<V1ConfigMap>().GetAsync(key, Cancellation))!;
        edited.Data["ca.crt"] = "edited";
        await cluster.Entities<V1ConfigMap>().ReplaceAsync(edited, Cancellation);
        await BundleAsync(key, mesh.Host.TrustBundle);
        await cluster.Entities<V1ConfigMap>().DeleteAsync(key, Cancellation);
        await BundleAsync(key, mesh.Host.TrustBundle);
    }

    [Fact]
    public async Task A_root_near_its_end_is_warned_of_in_status_event_and_metric_and_replaced_when_that_is_enabled()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await StatusAsync(mesh, s => Condition(s, "Accepted").Status.ShouldBe("True"));
        await PatchAsync(mesh, """{"spec":{"rotation":{"auto":false}}}""");
        var now = TimeProvider.System.GetUtcNow();
        var old = New(new Microsoft.Extensions.Time.Testing.FakeTimeProvider(now.AddDays(-3630)));
        await ReplaceAsync(mesh, old);
        var warned = await StatusAsync(mesh, s => (s.Phase, Condition(s, "ExpiringSoon").Status).ShouldBe(("Stable", "True")));
        Condition(warned, "ExpiringSoon").Reason.ShouldBe("ExpiresWithin30Days");
        Condition(warned, "ExpiringSoon").Message.ShouldContain("meshop ca rotate");
        await Eventually.Succeeds(async () =>
        {
            var events = await cluster.Entities<Corev1Event>().ListAsync(Cancellation);
            events.ShouldContain(e =>
                e.InvolvedObject.Kind == "MeshCertificateAuthority"
                && e.InvolvedObject.Name == mesh.Namespace
                && e.Reason == "ExpiringSoon"
                && e.Type == "Warning"
            );
        });
        using var http = new HttpClient();
        var metrics = await http.GetStringAsync(new Uri($"http://{mesh.Host.Ports[ListenerKind.Metrics]}/metrics"), Cancellation);
        var line = metrics
            .Split('\n')
            .Single(l =>
                l.StartsWith("meshoperator_certificate_not_after_seconds{", StringComparison.Ordinal)
                && l.Contains("certificate=\"root\"", StringComparison.Ordinal)
            );
        double.Parse(line.Split("} ")[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture)
            .ShouldBe(now.AddDays(20).ToUnixTimeSeconds(), tolerance: 100);

        await PatchAsync(mesh, """{"spec":{"rotation":{"auto":true}}}""");
        await StatusAsync(mesh, s => (s.Phase, Condition(s, "ExpiringSoon").Status).ShouldBe(("Stable", "False")));
        mesh.Host.TrustBundle.ShouldNotBe(old.Roots);
    }

    [Fact]
    public async Task Two_replicas_that_start_at_the_same_moment_have_one_root()
    {
        await using var first = await TestOperator.StartAsync(
            cluster,
            o => o with { ElectionIdentity = "zero", OwnWebhookConfigurations = false }
        );
        foreach (var name in new[] { "mesh-ca", "mesh-ca-state" })
            await cluster.Entities<V1Secret>().DeleteAsync(new ObjectKey(first.Namespace, name), Cancellation);
        await first.StopAsync();
        foreach (var name in new[] { "mesh-ca", "mesh-ca-state" })
            await cluster.Entities<V1Secret>().DeleteAsync(new ObjectKey(first.Namespace, name), Cancellation);
        var starting = Enumerable
            .Range(0, 3)
            .Select(i => first.StartAnotherAsync(o => o with { ElectionIdentity = $"replica-{i}" }))
            .ToArray();
        var replicas = await Task.WhenAll(starting);
        try
        {
            replicas.Select(r => r.Host.TrustBundle).Distinct().Count().ShouldBe(1);
            var secret = await SecretAsync(first);
            Files(secret).Roots.ShouldBe(replicas[0].Host.TrustBundle);
        }
        finally
        {
            foreach (var replica in replicas)
                await replica.DisposeAsync();
        }
    }

    private static PolicyCondition Condition(MeshCertificateAuthorityStatus status, string type) =>
        status.Conditions.Single(c => c.Type == type);

    private static CertificateAuthorityFiles New(TimeProvider? time = null)
    {
        using var authority = CertificateAuthority.CreateSelfSigned("cluster.local", time ?? TimeProvider.System);
        return authority.Files;
    }

    private static Dictionary<string, byte[]> Data(CertificateAuthorityFiles files) =>
        new()
        {
            ["tls.crt"] = Encoding.UTF8.GetBytes(files.Certificate),
            ["tls.key"] = Encoding.UTF8.GetBytes(files.PrivateKey),
            ["ca.crt"] = Encoding.UTF8.GetBytes(files.Roots),
        };

    private static CertificateAuthorityFiles Files(V1Secret secret) =>
        new(
            Encoding.UTF8.GetString(secret.Data["tls.crt"]),
            Encoding.UTF8.GetString(secret.Data["tls.key"]),
            Encoding.UTF8.GetString(secret.Data["ca.crt"])
        );

    private MeshProxies Proxies(TestOperator mesh, TestNamespace ns) =>
        new(cluster, ns, mesh.Host.TrustBundle, () => mesh.Host.Ports[ListenerKind.TlsXds].Port);

    private async Task<V1Secret> SecretAsync(TestOperator mesh) =>
        (await cluster.Entities<V1Secret>().GetAsync(new ObjectKey(mesh.Namespace, "mesh-ca"), Cancellation)).ShouldNotBeNull();

    private async Task ReplaceAsync(TestOperator mesh, CertificateAuthorityFiles files)
    {
        var secret = await SecretAsync(mesh);
        secret.Data = Data(files);
        await cluster.Entities<V1Secret>().ReplaceAsync(secret, Cancellation);
    }

    private async Task RotateAsync(TestOperator mesh)
    {
        await StatusAsync(mesh, s => s.Phase.ShouldBe("Stable"));
        await PatchAsync(mesh, """{"metadata":{"annotations":{"meshoperator.io/rotate":"now"}}}""");
    }

    private Task<MeshCertificateAuthority> PatchAsync(TestOperator mesh, string patch) =>
        cluster
            .Entities<MeshCertificateAuthority>()
            .MergePatchAsync(new ObjectKey(string.Empty, mesh.Namespace), (JsonObject)JsonNode.Parse(patch)!, Cancellation);

    private async Task<MeshCertificateAuthorityStatus> StatusAsync(TestOperator mesh, Action<MeshCertificateAuthorityStatus> assert)
    {
        MeshCertificateAuthorityStatus? status = null;
        await Eventually.Succeeds(
            async () =>
            {
                status = (
                    await cluster.Entities<MeshCertificateAuthority>().GetAsync(new ObjectKey(string.Empty, mesh.Namespace), Cancellation)
                )
                    .ShouldNotBeNull()
                    .Status.ShouldNotBeNull();
                assert(status);
            },
            Patience
        );
        return status!;
    }

    private Task BundleAsync(ObjectKey key, string bundle) =>
        Eventually.Succeeds(
            async () =>
                (await cluster.Entities<V1ConfigMap>().GetAsync(key, Cancellation)).ShouldNotBeNull().Data["ca.crt"].ShouldBe(bundle),
            Patience
        );

    /// <summary>How many roots the namespace's bundle and the webhooks' trust.</summary>
    private async Task TrustedRootsAsync(TestOperator mesh, TestNamespace ns, int count)
    {
        await BundleAsync(new ObjectKey(ns.Name, "mesh-trust-bundle"), mesh.Host.TrustBundle);
        PemBundle.Read(mesh.Host.TrustBundle).Count.ShouldBe(count);
        var key = new ObjectKey(string.Empty, mesh.Namespace);
        await Eventually.Succeeds(async () =>
        {
            (await cluster.Entities<V1MutatingWebhookConfiguration>().GetAsync(key, Cancellation))
                .ShouldNotBeNull()
                .Webhooks.ShouldAllBe(w => Encoding.ASCII.GetString(w.ClientConfig.CaBundle) == mesh.Host.TrustBundle);
            (await cluster.Entities<V1ValidatingWebhookConfiguration>().GetAsync(key, Cancellation))
                .ShouldNotBeNull()
                .Webhooks.ShouldAllBe(w => Encoding.ASCII.GetString(w.ClientConfig.CaBundle) == mesh.Host.TrustBundle);
        });
    }
}
