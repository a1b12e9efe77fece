using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cel;
using k8s;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Verdicts;
using MeshOperator.Shifts;
using MeshOperator.Statuses;
using MeshOperator.Testing;
using MeshOperator.Xds.Registry;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary>The health checks for Argo CD and Flux in <c>samples/gitops</c>, on statuses as the operator writes them.</summary>
public sealed class GitOpsHealthTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Finding Valid = new(true, ConditionReasons.Accepted, "The policy is valid.");
    private static readonly Finding Resolved = new(true, ConditionReasons.ResolvedRefs, "All references are resolved.");
    private static readonly ProxyRejection Rejection = new("web-0.shop", "outbound/80/web.shop", "no such field");

    /// <summary>Lua has other escapes than JSON, and needs none.</summary>
    private static readonly JsonSerializerOptions AsLua = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Dictionary<string, (string Health, PolicyStatus? Status)> Known = new()
    {
        ["not seen yet"] = ("Progressing", null),
        ["an older version"] = ("Progressing", Status(Verdict(Valid, Resolved) with { Generation = 1 }, new PolicyProgress(2, 2, []))),
        ["in effect"] = ("Healthy", Status(Verdict(Valid, Resolved), new PolicyProgress(2, 2, []))),
        ["of no proxy"] = ("Healthy", Status(Verdict(Valid, Resolved), PolicyProgress.None)),
        ["half way"] = ("Progressing", Status(Verdict(Valid, Resolved), new PolicyProgress(2, 1, []))),
        ["rejected"] = ("Degraded", Status(Verdict(Valid, Resolved), new PolicyProgress(2, 1, [Rejection]))),
        ["rejected by all"] = ("Degraded", Status(Verdict(Valid, Resolved), new PolicyProgress(1, 0, [Rejection]))),
        ["invalid"] = (
            "Degraded",
            Status(Verdict(new Finding(false, ConditionReasons.Invalid, "spec.service: no"), Resolved), PolicyProgress.None)
        ),
        ["without its backend"] = (
            "Degraded",
            Status(
                Verdict(Valid, new Finding(false, ConditionReasons.BackendNotFound, "There is no Service b.")),
                new PolicyProgress(2, 2, [])
            )
        ),
        ["overridden"] = (
            "Degraded",
            Status(
                Verdict(Valid, Resolved) with
                {
                    InEffect = false,
                    NoEffect = new Finding(false, ConditionReasons.Overridden, "RetryPolicy shop/a takes precedence."),
                },
                PolicyProgress.None
            )
        ),
    };

    public static TheoryData<string> States => [.. Known.Keys];

    [Theory]
    [MemberData(nameof(States))]
    public void Flux_waits_for_a_policy_and_fails_when_it_is_refused(string state)
    {
        var policy = CreatePolicy(Known[state].Status);
        foreach (var check in FluxChecks())
            GetHealth(check, policy).ShouldBe(Known[state].Health, (string?)check["kind"]);
    }

    public static TheoryData<ShiftPhase, bool, string, string> Shifts =>
        new()
        {
            { ShiftPhase.Pending, false, "Healthy", "Progressing" },
            { ShiftPhase.Mirroring, true, "Healthy", "Progressing" },
            { ShiftPhase.Progressing, false, "Progressing", "Progressing" },
            { ShiftPhase.Progressing, true, "Healthy", "Progressing" },
            { ShiftPhase.AwaitingApproval, true, "Healthy", "Suspended" },
            { ShiftPhase.Paused, false, "Healthy", "Suspended" },
            { ShiftPhase.Held, false, "Degraded", "Degraded" },
            { ShiftPhase.RolledBack, false, "Degraded", "Degraded" },
            { ShiftPhase.Completed, false, "Progressing", "Progressing" },
            { ShiftPhase.Completed, true, "Healthy", "Healthy" },
        };

    [Theory]
    [MemberData(nameof(Shifts))]
    public async Task Gradual_shifts_have_a_health_too(ShiftPhase phase, bool isAcknowledged, string flux, string argo)
    {
        var split = CreatePolicy(ShiftStatus(phase, isAcknowledged));

        GetHealth(FluxChecks().Single(check => (string?)check["kind"] == "TrafficSplit"), split).ShouldBe(flux);
        (await ArgoHealthAsync(split)).ShouldBe(argo);
    }

    [Fact]
    public void Flux_has_a_check_for_each_kind_of_policy() =>
        FluxChecks().Select(check => (string)check["kind"]!).ShouldBe(PolicyKinds.All.Select(kind => kind.Name), ignoreOrder: true);

    [Theory]
    [MemberData(nameof(States))]
    public async Task Argo_CD_shows_the_same_health(string state)
    {
        (await ArgoHealthAsync(CreatePolicy(Known[state].Status))).ShouldBe(Known[state].Health);
    }

    [Fact]
    public void The_guide_has_the_checks_of_the_samples()
    {
        var guide = File.ReadAllText(Path.Combine(Repository.Root, "docs", "guides", "gitops.md"));
        guide.ShouldContain(ReadText("argocd/argocd-cm.yaml").Split('\n', 2)[1]);
        var flux = ReadText("flux/kustomization.yaml");
        var start = flux.IndexOf("  healthCheckExprs:", StringComparison.Ordinal);
        guide.ShouldContain(flux[start..flux.IndexOf("    - apiVersion", start + 40, StringComparison.Ordinal)]);
    }

    /// <summary>What the script for Argo CD says of a policy.</summary>
    private static async Task<string> ArgoHealthAsync(JsonObject policy)
    {
        var lua = new[] { "lua5.1", "lua5.4", "lua" }.FirstOrDefault(IsOnPath);
        Assert.SkipWhen(lua is null, "Lua was not found: install lua5.4.");
        var customizations = (string)ReadSample("argocd/argocd-cm.yaml")["data"]!["resource.customizations"]!;
        var script = (string)YamlReader.ReadAll(customizations)[0].Root!["meshoperator.io/*"]!["health.lua"]!;
        var program = $"""
            local obj = {ToLua(policy)}
            local health = (function()
            {script}
            end)()
            print(health.status)
            """;
        return await RunAsync(lua!, program);
    }

    private static PolicyVerdict Verdict(Finding accepted, Finding resolved) =>
        new(2, accepted, resolved, InEffect: accepted.Holds) { Uid = "uid" };

    private static PolicyStatus Status(PolicyVerdict verdict, PolicyProgress progress) =>
        PolicyConditions.Status(verdict, progress, null, Now);

    private static TrafficSplitStatus ShiftStatus(ShiftPhase phase, bool isAcknowledged)
    {
        var common = Status(Verdict(Valid, Resolved), new PolicyProgress(2, 2, []));
        var wanted = new GradualShift { To = "b", Steps = [new ShiftStep { Weight = 10 }] };
        var shift = new SplitShift(
            ShiftProgress.OfBackends,
            wanted,
            [new TrafficSplitBackend { Service = "a" }, new TrafficSplitBackend { Service = "b" }]
        );
        var state = new ShiftState(shift.Rule, shift.Identity, phase, 10, Now) { AcknowledgedAt = isAcknowledged ? Now : null };
        return new TrafficSplitStatus
        {
            ObservedGeneration = common.ObservedGeneration,
            Conditions = [.. common.Conditions, .. ShiftConditions.Build([(shift, state)], isInEffect: true, 2, null, Now)],
            Proxies = common.Proxies,
            Shifts = [state.ToStatus(wanted.Steps)],
        };
    }

    private static JsonObject CreatePolicy(PolicyStatus? status)
    {
        var policy = new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "web", ["generation"] = 2 },
            ["status"] = new JsonObject(),
        };
        if (status is not null)
            policy["status"] = JsonNode.Parse(KubernetesJson.Serialize(status));
        return policy;
    }

    private static IEnumerable<JsonNode> FluxChecks() =>
        ReadSample("flux/kustomization.yaml")["spec"]!["healthCheckExprs"]!.AsArray().OfType<JsonNode>();

    /// <summary>Flux asks in this order, and goes on as long as none holds.</summary>
    private static string GetHealth(JsonNode check, JsonObject policy)
    {
        if (EvaluateCel((string)check["inProgress"]!, policy))
            return "Progressing";
        if (EvaluateCel((string)check["failed"]!, policy))
            return "Degraded";
        return EvaluateCel((string)check["current"]!, policy) ? "Healthy" : "Progressing";
    }

    private static bool EvaluateCel(string expression, JsonObject policy) =>
        (bool)
            new CelEnvironment([], string.Empty).Compile(expression)(policy.ToDictionary(field => field.Key, field => ToCel(field.Value)))!;

    private static object? ToCel(JsonNode? node) =>
        node switch
        {
            JsonObject fields => fields.ToDictionary(field => field.Key, field => ToCel(field.Value)),
            JsonArray items => items.Select(ToCel).ToArray(),
            JsonValue value when value.GetValueKind() is JsonValueKind.Number => value.Deserialize<long>(),
            JsonValue value when value.GetValueKind() is JsonValueKind.String => (string?)value,
            JsonValue value => value.GetValueKind() is JsonValueKind.True,
            _ => null,
        };

    private static string ToLua(JsonNode? node) =>
        node switch
        {
            JsonObject fields => $"{{{string.Join(',', fields.Select(field => $"[\"{field.Key}\"]={ToLua(field.Value)}"))}}}",
            JsonArray items => $"{{{string.Join(',', items.Select(ToLua))}}}",
            null => "nil",
            _ => node.ToJsonString(AsLua),
        };

    private static string ReadText(string file) => File.ReadAllText(Path.Combine(Repository.Root, "samples", "gitops", file));

    private static JsonObject ReadSample(string file) => YamlReader.ReadAll(ReadText(file))[0].Root!.AsObject();

    private static bool IsOnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
            .Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, program)));

    private static async Task<string> RunAsync(string program, string script)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, "-")
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        await process.StandardInput.WriteAsync(script);
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        error.ShouldBeEmpty(script);
        return output.Trim();
    }
}
