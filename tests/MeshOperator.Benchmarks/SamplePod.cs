using System.Globalization;
using k8s.Models;

namespace MeshOperator.Benchmarks;

/// <summary>Pods as users write them, before the sidecar.</summary>
internal static class SamplePod
{
    /// <summary>A pod of one container with probes and so many environment variables.</summary>
    public static V1Pod Create(string name, string app, int variables) =>
        new()
        {
            ApiVersion = "v1",
            Kind = "Pod",
            Metadata = new V1ObjectMeta
            {
                Name = name,
                Labels = new Dictionary<string, string> { ["app"] = app },
            },
            Spec = new V1PodSpec
            {
                Containers =
                [
                    new V1Container
                    {
                        Name = "app",
                        Image = "registry.example.com/team/app:1.2.3",
                        Ports = [new V1ContainerPort { Name = "http", ContainerPort = 8080 }],
                        Env = [.. Enumerable.Range(0, variables).Select(Variable)],
                        ReadinessProbe = Probe("/ready"),
                        LivenessProbe = Probe("/live"),
                    },
                ],
            },
        };

    private static V1EnvVar Variable(int i) =>
        new()
        {
            Name = string.Create(CultureInfo.InvariantCulture, $"SETTING_{i}"),
            Value = string.Create(CultureInfo.InvariantCulture, $"the value of setting {i}"),
        };

    private static V1Probe Probe(string path) =>
        new()
        {
            HttpGet = new V1HTTPGetAction { Path = path, Port = "http" },
            PeriodSeconds = 10,
        };
}
