using k8s.Exceptions;
using MeshOperator.Commands;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class KubeconfigTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void All_that_says_where_the_cluster_is_and_who_asks_is_read()
    {
        var file = Write(
            """
            apiVersion: v1
            kind: Config
            current-context: shop
            preferences: {}
            contexts:
            - name: shop
              context: { cluster: shop, user: "007", namespace: web }
            clusters:
            - name: shop
              cluster:
                server: https://10.0.0.1:6443
                tls-server-name: api.shop
                certificate-authority: ca.pem
                insecure-skip-tls-verify: true
            users:
            - name: 007
              user:
                client-certificate: /etc/bond.pem
                client-key-data: a2V5
                username: bond
                password: 12345
                token: secret
            - name: plugin
              user:
                exec:
                  apiVersion: client.authentication.k8s.io/v1
                  command: cloud
                  args: [token, --cluster, 7]
                  env:
                  - { name: REGION, value: north }
                  installHint: install cloud
                  provideClusterInfo: true
            """
        );

        var read = Kubeconfigs.Merge([file]);

        read.CurrentContext.ShouldBe("shop");
        var context = read.Contexts.ShouldHaveSingleItem();
        (context.Name, context.ContextDetails.Cluster, context.ContextDetails.User, context.ContextDetails.Namespace).ShouldBe(
            ("shop", "shop", "007", "web")
        );
        var cluster = read.Clusters.ShouldHaveSingleItem().ClusterEndpoint;
        (cluster.Server, cluster.TlsServerName, cluster.SkipTlsVerify).ShouldBe(("https://10.0.0.1:6443", "api.shop", true));
        cluster.CertificateAuthority.ShouldBe(Path.Combine(_folder.FullName, "ca.pem"));
        var (bond, plugin) = (read.Users.First().UserCredentials, read.Users.Last().UserCredentials.ExternalExecution);
        (bond.ClientCertificate, bond.ClientKeyData).ShouldBe(("/etc/bond.pem", "a2V5"));
        (bond.UserName, bond.Password, bond.Token).ShouldBe(("bond", "12345", "secret"));
        (plugin.ApiVersion, plugin.Command, plugin.InstallHint).ShouldBe(("client.authentication.k8s.io/v1", "cloud", "install cloud"));
        plugin.Arguments.ShouldBe(["token", "--cluster", "7"]);
        plugin.EnvironmentVariables.ShouldHaveSingleItem().ShouldContainKeyAndValue("value", "north");
        plugin.ProvideClusterInfo.ShouldBeTrue();
    }

    [Theory]
    [InlineData("clusters: [", "line ")]
    [InlineData("", "is no kubeconfig")]
    [InlineData("- a list", "is no kubeconfig")]
    public void What_is_no_kubeconfig_is_named(string text, string problem)
    {
        var file = Write(text);

        var error = Should.Throw<KubeConfigException>(() => Kubeconfigs.Merge([file]));

        error.Message.ShouldContain(file.FullName);
        error.Message.ShouldContain(problem);
    }

    private FileInfo Write(string text)
    {
        var file = new FileInfo(Path.Combine(_folder.FullName, "config"));
        File.WriteAllText(file.FullName, text);
        return file;
    }
}
