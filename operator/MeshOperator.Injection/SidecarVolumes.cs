using k8s.Models;
using MeshOperator.Api;

namespace MeshOperator.Injection;

/// <summary>What the proxy has in files: the token that it shows, whom it trusts, and the socket of its admin interface.</summary>
internal static class SidecarVolumes
{
    public const string Token = "mesh-token";
    public const string Trust = "mesh-trust";

    public const string Admin = "mesh-admin";

    /// <summary>More than a socket file takes.</summary>
    private const string AdminSize = "1Mi";

    private static readonly TimeSpan TokenLifetime = TimeSpan.FromHours(1);

    public static string[] Names { get; } = [Token, Trust, Admin];

    public static IEnumerable<V1Volume> Create() =>
        [
            new V1Volume
            {
                Name = Token,
                Projected = new V1ProjectedVolumeSource
                {
                    Sources =
                    [
                        new V1VolumeProjection
                        {
                            ServiceAccountToken = new V1ServiceAccountTokenProjection
                            {
                                Audience = MeshNames.TokenAudience,
                                ExpirationSeconds = (long)TokenLifetime.TotalSeconds,
                                Path = ProxyBootstrap.TokenFile,
                            },
                        },
                    ],
                },
            },
            new V1Volume
            {
                Name = Trust,
                ConfigMap = new V1ConfigMapVolumeSource { Name = MeshNames.TrustBundleConfigMap },
            },
            // In memory: the cluster autoscaler does not remove nodes whose pods have local files.
            new V1Volume
            {
                Name = Admin,
                EmptyDir = new V1EmptyDirVolumeSource { Medium = "Memory", SizeLimit = new ResourceQuantity(AdminSize) },
            },
        ];

    public static List<V1VolumeMount> Mounts() =>
        [
            new V1VolumeMount
            {
                Name = Token,
                MountPath = ProxyBootstrap.TokenFolder,
                ReadOnlyProperty = true,
            },
            new V1VolumeMount
            {
                Name = Trust,
                MountPath = ProxyBootstrap.TrustFolder,
                ReadOnlyProperty = true,
            },
            new V1VolumeMount { Name = Admin, MountPath = ProxyBootstrap.AdminFolder },
        ];
}
