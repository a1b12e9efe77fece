using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary>The program as users start it: a process, its output and its exit status.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meshop-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Generate_writes_the_files_and_check_names_those_that_were_changed()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "MeshOperator.sln"), string.Empty, Cancellation);
        (await RunAsync("generate", "--check")).Status.ShouldBe(1);
        (await RunAsync("generate")).Status.ShouldBe(0);
        (await RunAsync("generate", "--check")).Status.ShouldBe(0);

        await File.AppendAllTextAsync(Path.Combine(_folder.FullName, "crds", "trafficsplits.yaml"), "# changed\n", Cancellation);
        var (status, _, error) = await RunAsync("generate", "--check");
        status.ShouldBe(1);
        error.ShouldBe("crds/trafficsplits.yaml is out of date; run `meshop generate`.\n");
    }

    [Fact]
    public async Task Generated_descriptions_end_with_the_default()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "MeshOperator.sln"), string.Empty, Cancellation);
        (await RunAsync("generate")).Status.ShouldBe(0);
        (
            await File.ReadAllTextAsync(Path.Combine(_folder.FullName, "crds", "retrypolicies.yaml"), Cancellation)
        ).ShouldSatisfyAllConditions(
            crd => crd.ShouldContain("0 disables retries. Default: 2."),
            crd => crd.ShouldContain("The first pause. Default: 25ms.")
        );
    }

    [Fact]
    public async Task Local_says_which_path_is_missing()
    {
        var (status, _, error) = await RunAsync("local", "--proxy", "None", "--xds-port", "0", "--apply", "nowhere");
        status.ShouldBe(1);
        error.ShouldContain("meshop local: nowhere: the file or folder does not exist");
    }

    [Theory]
    [InlineData("--access-log", "All", "--access-log All: the built-in proxy writes no access log; omit it, or use real Envoys")]
    [InlineData(
        "--tracing-endpoint",
        "collector:4317",
        "--tracing-endpoint: the built-in proxy sends no spans; omit it, or use real Envoys"
    )]
    public async Task Local_says_which_telemetry_the_built_in_proxy_lacks(string option, string value, string message)
    {
        var (status, _, error) = await RunAsync("local", "--proxy", "BuiltIn", "--xds-port", "0", option, value);
        status.ShouldBe(1);
        error.ShouldContain($"meshop local: {message}");
    }

    [Theory]
    [InlineData("None", "nowhere: the file or folder does not exist")]
    [InlineData("Off", "nowhere: the file or folder does not exist")]
    [InlineData("Loud", "--access-log: 'Loud' is not a kind of access log; use None, Errors or All")]
    public async Task Access_logs_have_the_words_of_the_chart_and_the_earlier_one(string value, string message)
    {
        var (_, _, error) = await RunAsync("local", "--proxy", "None", "--xds-port", "0", "--access-log", value, "--apply", "nowhere");
        error.ShouldContain(message);
    }

    [Fact]
    public async Task Local_says_which_object_of_which_file_was_refused()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_folder.FullName, "bad.yaml"),
            "apiVersion: meshoperator.io/v1alpha1\nkind: TrafficSplit\nmetadata: {name: s}\nspec: {service: a, backends: [{service: "
                + "b, weight: -1}]}\n",
            Cancellation
        );
        var (status, _, error) = await RunAsync("local", "--proxy", "None", "--xds-port", "0", "--apply", "bad.yaml");
        status.ShouldBe(1);
        error.ShouldContain("bad.yaml: TrafficSplit s: ");
        error.ShouldContain("spec.backends[0].weight: Invalid value: -1");
    }

    [Fact]
    public async Task Local_says_which_port_is_taken()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
        var (status, _, error) = await RunAsync("local", "--proxy", "None", "--xds-port", "0", "--api-port", $"{port}");
        status.ShouldBe(1);
        error.ShouldContain($"{port}");
        error.ShouldContain("address already in use", Case.Insensitive);
        error.ShouldNotContain("   at ");
    }

    [Fact]
    public async Task An_option_that_is_not_a_port_is_refused_before_anything_starts()
    {
        var (status, _, error) = await RunAsync("local", "--proxy", "None", "--xds-port", "70000");
        status.ShouldBe(1);
        error.ShouldContain("--xds-port: '70000' is not a port; write a number from 0 (any free port) to 65533");
    }

    [Fact]
    public async Task Local_prints_one_line_of_json_and_leaves_a_kubeconfig_for_its_owner_only()
    {
        using var process = Start("local", "--proxy", "None", "--xds-port", "0", "--data", "data", "--output", "json");
        try
        {
            var line = await process.StandardOutput.ReadLineAsync(Cancellation).AsTask().WaitAsync(TimeSpan.FromSeconds(60), Cancellation);
            var ready = JsonNode.Parse(line!)!.AsObject();
            ready.Select(p => p.Key).ShouldBe(["kubeconfig", "xds", "xdsTls", "ca"]);
            var kubeconfig = (string)ready["kubeconfig"]!;
            kubeconfig.ShouldBe(Path.Combine(_folder.FullName, "data", "kubeconfig"));
            if (!OperatingSystem.IsWindows())
                File.GetUnixFileMode(kubeconfig).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
            (await File.ReadAllTextAsync((string)ready["ca"]!, Cancellation)).ShouldStartWith("-----BEGIN CERTIFICATE-----");
        }
        finally
        {
            process.Kill();
        }
    }

    [Fact]
    public async Task Inject_prints_the_manifests_with_the_sidecar_and_reports_what_was_left_out()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_folder.FullName, "pods.yaml"),
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: app, image: 'app:1'}]}\n---\n"
                + "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {hostNetwork: true, containers: [{name: app, image: 'app:1'}]}\n",
            Cancellation
        );
        var (status, output, error) = await RunAsync(
            "inject",
            "-f",
            "pods.yaml",
            "--proxy-image",
            "registry.example.com/envoy:1",
            "--native-sidecars",
            "never",
            "--operator-namespace",
            "mesh"
        );
        status.ShouldBe(0, error);
        error.ShouldBe("meshop inject: Pod b: not injected: the pod uses the host's network, which a sidecar must not redirect\n");
        output.ShouldContain("image: registry.example.com/envoy:1");
        output.ShouldContain("mesh-operator.mesh.svc:15012");
        output.ShouldNotContain("startupProbe");
    }

    [Fact]
    public async Task Inject_names_the_kinds_with_pods_that_it_leaves_alone()
    {
        const string template = "{spec: {containers: [{name: app, image: 'app:1'}]}}";
        await File.WriteAllTextAsync(
            Path.Combine(_folder.FullName, "kinds.yaml"),
            $"apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {{name: a}}\nspec: {{template: {template}}}\n---\n"
                + $"apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: b}}\nspec: {{template: {template}}}\n---\n"
                + $"apiVersion: example.com/v1\nkind: Crew\nmetadata: {{name: c}}\nspec: {{members: [{{template: {template}}}]}}\n",
            Cancellation
        );

        var (status, output, error) = await RunAsync("inject", "-f", "kinds.yaml");
        status.ShouldBe(0, error);
        error.ShouldBe(
            "meshop inject: Service b: not injected: its kind is not known; add --pod-template Service.serving.knative.dev=spec.template "
                + "to inject it, or leave its pods to the webhook\n"
                + "meshop inject: Crew c: not injected: its kind is not known; its pods, which spec.members[0].template describes, are "
                + "left to the webhook\n"
        );
        Regex.Count(output, "name: mesh-proxy").ShouldBe(1);

        (status, output, _) = await RunAsync("inject", "-f", "kinds.yaml", "--pod-template", "Service.serving.knative.dev=spec.template");
        status.ShouldBe(0);
        Regex.Count(output, "name: mesh-proxy").ShouldBe(2);

        (status, _, error) = await RunAsync("inject", "-f", "kinds.yaml", "--pod-template", "Crew");
        status.ShouldBe(1);
        error.ShouldContain("--pod-template: 'Crew' is no kind with pods; write KIND.GROUP=PATH");
    }

    [Fact]
    public async Task Inject_is_not_silent_about_manifests_without_pods()
    {
        const string manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "map.yaml"), manifest, Cancellation);

        (await RunAsync("inject", "-f", "map.yaml")).ShouldBe(
            (0, manifest, "meshop inject: nothing to inject: no object describes pods\n")
        );
    }

    [Theory]
    [InlineData("two", "127.0.0.1:2")]
    [InlineData("missing:two", "127.0.0.1:2")]
    [InlineData("one:two", "127.0.0.1:1")]
    [InlineData("one:two", "127.0.0.1:2", "--context", "two")]
    [InlineData("one:two", "three not found", "--context", "three")]
    [InlineData("missing", "KUBECONFIG: no file of 'missing' exists")]
    [InlineData("", "there is no kubeconfig; name one with --kubeconfig or KUBECONFIG")]
    [InlineData("one", "absent does not exist", "--kubeconfig", "absent")]
    public async Task Every_command_is_about_the_cluster_that_kubectl_would_choose(
        string kubeconfig,
        string answer,
        params string[] options
    )
    {
        foreach (var (name, port) in new[] { ("one", 1), ("two", 2) })
        {
            await File.WriteAllTextAsync(
                Path.Combine(_folder.FullName, name),
                $"apiVersion: v1\nkind: Config\ncurrent-context: {name}\ncontexts: [{{name: {name}, context: {{cluster: {name}}}}}]\n"
                    + $"clusters: [{{name: {name}, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n",
                Cancellation
            );
        }

        foreach (var command in new[] { "check-inject", "check-inject -A", "check", "ca status", "shift status model", "check-webhooks" })
        {
            var (status, _, error) = await RunAsync(
                new() { ["KUBECONFIG"] = kubeconfig, ["HOME"] = _folder.FullName },
                [.. command.Split(' '), .. options]
            );
            status.ShouldNotBe(0, command);
            error.ShouldContain(answer, customMessage: command);
        }
    }

    [Theory]
    [InlineData("run --xds-port abc", "--xds-port: 'abc' is not a port; write a number from 0 (any free port) to 65533")]
    [InlineData("run --metrics-port 99999999999", "--metrics-port: '99999999999' is not a port")]
    [InlineData("run --shutdown-delay soon", "--shutdown-delay: 'soon' is not a whole number.")]
    [InlineData("run --native-sidecars sometimes", "--native-sidecars: 'sometimes' is not one of its values.")]
    [InlineData("run --elect maybe", "maybe")]
    public async Task Option_of_the_wrong_form_is_refused_in_plain_words(string command, string answer)
    {
        var (status, output, error) = await RunAsync(command.Split(' '));

        status.ShouldBe(1);
        error.ShouldContain(answer);
        $"{output}{error}".ShouldNotMatch(@"\b(System|MeshOperator)\.[A-Z]");
        error.ShouldNotContain("Unhandled");
    }

    [Theory]
    [InlineData("hostNetwork: 3, containers: []", "spec.hostNetwork: has the wrong type; write true or false")]
    [InlineData("containers: {name: app}", "spec.containers: has the wrong type; write a list")]
    [InlineData("containers: [{ports: [{hostPort: x}]}]", "spec.containers[0].ports[0].hostPort: has the wrong type; write a whole")]
    [InlineData("containers: [3]", "spec.containers[0]: has the wrong type; write an object")]
    public async Task Field_of_the_wrong_type_is_named_with_what_to_write(string spec, string answer)
    {
        await File.WriteAllTextAsync(
            Path.Combine(_folder.FullName, "pod.yaml"),
            $"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{{spec}}}\n",
            Cancellation
        );

        var (status, _, error) = await RunAsync("inject", "-f", "pod.yaml");
        status.ShouldBe(1);
        error.ShouldStartWith($"meshop inject: pod.yaml: Pod a: {answer}");
    }

    [Fact]
    public async Task Inject_says_which_object_cannot_have_the_sidecar_and_prints_nothing()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_folder.FullName, "pods.yaml"),
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {securityContext: {runAsUser: 1337}, containers: [{name: app, "
                + "image: 'app:1'}]}\n",
            Cancellation
        );
        var (status, output, error) = await RunAsync("inject", "-f", "pods.yaml");
        status.ShouldBe(1);
        output.ShouldBeEmpty();
        error.ShouldContain(
            "meshop inject: pods.yaml: Pod a: the sidecar cannot be added: spec.securityContext.runAsUser: 1337 is the proxy's"
        );
        (await RunAsync("inject", "-f", "missing.yaml")).Error.ShouldContain("missing.yaml");
    }

    [Fact]
    public async Task A_setting_that_would_refuse_every_pod_is_refused_before_anything_starts()
    {
        var (status, _, error) = await RunAsync("run", "--exclude-outbound-ports", "http");
        status.ShouldBe(1);
        error.ShouldContain("the operator's setting for meshoperator.io/exclude-outbound-ports: 'http' is not a port");
        (status, _, error) = await RunAsync("run", "--native-sidecars", "sometimes");
        status.ShouldBe(1);
        error.ShouldContain("'sometimes'");
        error.ShouldNotContain("   at ");
    }

    private Task<(int Status, string Output, string Error)> RunAsync(params string[] arguments) => RunAsync([], arguments);

    private async Task<(int Status, string Output, string Error)> RunAsync(Dictionary<string, string> environment, string[] arguments)
    {
        using var process = Start(environment, arguments);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(90), TimeProvider.System);
        try
        {
            var (output, error) = (
                process.StandardOutput.ReadToEndAsync(timeout.Token),
                process.StandardError.ReadToEndAsync(timeout.Token)
            );
            await process.WaitForExitAsync(timeout.Token);
            return (process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    private Process Start(params string[] arguments) => Start([], arguments);

    private Process Start(Dictionary<string, string> environment, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "meshop.dll"), .. arguments])
        {
            WorkingDirectory = _folder.FullName,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
