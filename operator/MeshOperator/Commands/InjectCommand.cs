using System.CommandLine;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Offline;
using MeshOperator.Settings;

namespace MeshOperator.Commands;

/// <summary><c>meshop inject</c>: adds the sidecar to manifests, for those who do not want the webhook to.</summary>
internal static class InjectCommand
{
    private const string StandardInput = "-";

    public static Command Create()
    {
        var file = new Option<string>("--file", "-f") { Description = "The manifests, or - for standard input.", Required = true };
        var ns = new Option<string>("--namespace", "-n")
        {
            Description = "The namespace of objects that do not name one.",
            DefaultValueFactory = _ => "default",
        };
        var operatorNamespace = new Option<string>("--operator-namespace")
        {
            Description = "The operator's namespace.",
            DefaultValueFactory = _ => "mesh-system",
        };
        var service = new Option<string>("--service")
        {
            Description = "The operator's Service, by whose name proxies reach it.",
            DefaultValueFactory = _ => "mesh-operator",
        };
        var trustDomain = new Option<string>("--trust-domain")
        {
            Description = "The SPIFFE trust domain of the mesh.",
            DefaultValueFactory = _ => "cluster.local",
        };
        var version = new Option<string>("--kubernetes-version")
        {
            Description = "The version of the cluster that the output is for.",
            DefaultValueFactory = _ => "1.30",
        };
        version.Validators.Add(result =>
        {
            if (result.GetValue(version) is { } text && KubernetesVersion.Parse(text) is null)
                result.AddError($"--kubernetes-version: '{text}' is not a version; write for example 1.33");
        });
        var templates = new Option<string[]>("--pod-template")
        {
            Description = $"A further kind whose pods are injected, as {PodTemplatePaths.Form}. Can be repeated.",
            DefaultValueFactory = _ => [],
        };
        templates.Validators.Add(result =>
        {
            try
            {
                _ = PodTemplatePaths.With(result.GetValue(templates) ?? []);
            }
            catch (FormatException e)
            {
                result.AddError($"--pod-template: {e.Message}");
            }
        });
        var command = new Command("inject", "Add the sidecar to the pods of manifests, and print the result for kubectl apply.")
        {
            file,
            ns,
            operatorNamespace,
            service,
            trustDomain,
            version,
            templates,
        };
        var sidecars = new SidecarOptions();
        sidecars.AddTo(command);
        command.SetAction(
            (parsed, cancellation) =>
            {
                var options = sidecars.Read(parsed) with
                {
                    DiscoveryAddress = $"{parsed.GetValue(service)}.{parsed.GetValue(operatorNamespace)}.svc:15012",
                    OperatorNamespace = parsed.GetValue(operatorNamespace)!,
                    OperatorIdentity = OperatorOptions.IdentityFor(
                        parsed.GetValue(trustDomain)!,
                        parsed.GetValue(operatorNamespace)!,
                        parsed.GetValue(service)!
                    ),
                    KubernetesVersion = KubernetesVersion.Parse(parsed.GetValue(version)),
                };
                return RunAsync(
                    new ManifestInjector(
                        new SidecarInjector(options),
                        parsed.GetValue(ns)!,
                        PodTemplatePaths.With(parsed.GetValue(templates)!)
                    ),
                    parsed.GetValue(file)!,
                    parsed.InvocationConfiguration,
                    cancellation
                );
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(
        ManifestInjector injector,
        string file,
        InvocationConfiguration console,
        CancellationToken cancellation
    )
    {
        try
        {
            var text =
                file == StandardInput ? await Console.In.ReadToEndAsync(cancellation) : await File.ReadAllTextAsync(file, cancellation);
            var injected = injector.Inject(text);
            foreach (var note in injected.Notes)
                await console.Error.WriteLineAsync($"meshop inject: {note}");
            await console.Output.WriteAsync(injected.Yaml);
            return 0;
        }
        catch (Exception e) when (e is ManifestException or IOException or UnauthorizedAccessException)
        {
            await console.Error.WriteLineAsync($"meshop inject: {(file == StandardInput ? "standard input" : file)}: {e.Message}");
            return 1;
        }
    }
}
