using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Certificates;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Pods that end by themselves, with a classic sidecar.</summary>
public sealed class CompletionScenarios(TestMesh mesh) : Scenario(mesh)
{
    private const string OperatorIdentity = "spiffe://cluster.local/ns/mesh-system/sa/mesh-operator";
    private const string Order = "POST /quitquitquit";

    [Theory]
    [InlineData("OnFailure")]
    [InlineData("Never")]
    public async Task Proxy_of_a_Job_ends_by_itself_when_the_other_containers_have_ended(string restartPolicy)
    {
        var shop = await NamespaceAsync("job", proxies: 1);
        var job = await StartJobAsync(shop, restartPolicy);

        await job.CompleteApplicationAsync();

        await job.Proxy!.Current.Ended.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        job.Proxy.Current.ExitCode.ShouldBe(0);
        await Eventually.Succeeds(() => ReadPhase(job).ShouldBe("Succeeded"));
        job.Proxy.Restarts.ShouldBe(0);
        await Eventually.Succeeds(async () =>
            (await Mesh.Operator.MetricsAsync()).ShouldMatch("meshoperator_completion_orders_total\\{[^}]*outcome=\"Ended\"[^}]*\\} [1-9]")
        );
    }

    [Fact]
    public async Task Nobody_but_the_operator_orders_a_proxy_to_end()
    {
        var shop = await NamespaceAsync("order", proxies: 2);
        var job = await StartJobAsync(shop, "OnFailure");
        var caller = (await shop.DeployAsync("caller")).Pods[0];

        (await PlaintextAsync(caller, job, Order)).ShouldNotContain("200 OK");
        foreach (var identity in new[] { $"ns/{shop.Name}/sa/default", $"ns/{shop.Name}/sa/mesh-operator", "ns/mesh-system/sa/default" })
            (await AskAsync(caller, job, $"spiffe://cluster.local/{identity}", Order)).ShouldBeNull(identity);
        (await AskAsync(caller, job, identity: null, Order)).ShouldBeNull();

        (await AskAsync(caller, job, OperatorIdentity, "POST /drain_listeners")).ShouldNotBeNull().ShouldContain(" 403 ");
        (await AskAsync(caller, job, OperatorIdentity, "GET /config_dump")).ShouldNotBeNull().ShouldContain(" 403 ");
        job.Proxy!.Current.HasExited.ShouldBeFalse();

        // It may end before it answers.
        await AskAsync(caller, job, OperatorIdentity, Order);
        await job.Proxy.Current.Ended.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }

    private async Task<RunningPod> StartJobAsync(TestNamespace shop, string restartPolicy)
    {
        await Mesh.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Pod
            metadata:
              name: job
              namespace: {{shop.Name}}
              labels: {app: job}
              annotations: {meshoperator.io/native-sidecar: "false"}
            spec:
              nodeName: {{Workloads.NodeName}}
              restartPolicy: {{restartPolicy}}
              containers: [{name: app, image: "registry.example.com/app:1"}]
            """
        );
        await Eventually.Succeeds(() => Mesh.View.Pods.Objects[new ObjectKey(shop.Name, "job")].IsReady().ShouldBeTrue());
        return shop.Pods.Single(pod => pod.Name == "job");
    }

    private string? ReadPhase(RunningPod pod) => Mesh.View.Pods.Objects[new ObjectKey(pod.Namespace, pod.Name)].Status.Phase;

    private static async Task<string> PlaintextAsync(RunningPod from, RunningPod to, string request)
    {
        await using var stream = await ConnectAsync(from, to);
        return await SendAsync(stream, request);
    }

    /// <summary>The answer to a request by mutual TLS; null where the connection is refused.</summary>
    private async Task<string?> AskAsync(RunningPod from, RunningPod to, string? identity, string request)
    {
        await using var tls = new SslStream(await ConnectAsync(from, to));
        try
        {
            using var certificate = identity is null ? null : await IssueAsync(identity);
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = "job",
                    ClientCertificates = certificate is null ? [] : [certificate],
                    RemoteCertificateValidationCallback = (_, peer, _, _) => HasIdentity(peer, to),
                },
                TestContext.Current.CancellationToken
            );
            return await SendAsync(tls, request) is { Length: > 0 } answer ? answer : null;
        }
        catch (Exception e) when (e is IOException or AuthenticationException)
        {
            return null;
        }
    }

    private static bool HasIdentity(X509Certificate? peer, RunningPod pod) =>
        peer is X509Certificate2 leaf
        && PeerChain.FindUris(leaf) is [var uri]
        && uri == $"spiffe://cluster.local/ns/{pod.Namespace}/sa/default";

    /// <summary>A certificate of the mesh's own authority, for whomever.</summary>
    private async Task<X509Certificate2> IssueAsync(string identity)
    {
        var secret = await Mesh.Entities<V1Secret>().GetAsync(new ObjectKey("mesh-system", MeshNames.CaSecret), CancellationToken.None);
        var files = new CertificateAuthorityFiles(Read("tls.crt"), Read("tls.key"), Read("ca.crt"));
        using var authority = CertificateAuthority.Load(files, TimeProvider.System);
        var issued = authority.IssueIdentity(identity, TimeSpan.FromHours(1));
        using var pem = X509Certificate2.CreateFromPem(issued.CertificateChain, issued.PrivateKey);
        return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);

        string Read(string name) => Encoding.UTF8.GetString(secret!.Data[name]);
    }

    private static async Task<NetworkStream> ConnectAsync(RunningPod from, RunningPod to) =>
        new(
            await from.Network.Namespace.ConnectAsync(
                new IPEndPoint(to.Network.Address, ProxyPort.Completion),
                TestContext.Current.CancellationToken
            ),
            ownsSocket: true
        );

    private static async Task<string> SendAsync(Stream stream, string request)
    {
        var cancellation = TestContext.Current.CancellationToken;
        try
        {
            await stream.WriteAsync(
                Encoding.ASCII.GetBytes($"{request} HTTP/1.1\r\nHost: job\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
                cancellation
            );
            using var reader = new StreamReader(stream, Encoding.UTF8);
            return await reader.ReadToEndAsync(cancellation);
        }
        catch (IOException)
        {
            return string.Empty;
        }
    }
}
