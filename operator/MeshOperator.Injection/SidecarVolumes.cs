using k8s.Models;
using MeshOperator.Api;

namespace MeshOperator.Injection;

/// <summary>What the proxy reads from files: the token that it shows, and whom it trusts.</summary>
internal static class SidecarVolumes
{
    public const string Token = "mesh-token";
    public const string Trust = "mesh-trust";

    private static readonly TimeSpan TokenLifetime = TimeSpan.FromHours(1);

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
        ];
}
