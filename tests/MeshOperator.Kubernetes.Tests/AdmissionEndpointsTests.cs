using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

public sealed class AdmissionEndpointsTests : IAsyncLifetime
{
    private readonly PodWebhook _webhook = new();
    private readonly HttpClient _http = new();
    private WebApplication _app = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<MutationWebhook<V1Pod>>(_webhook);
        _app = builder.Build();
        _app.MapMutationWebhook<V1Pod>();
        await _app.StartAsync(Cancellation);
        _http.BaseAddress = new Uri(_app.Urls.Single());
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
    }

    [Fact]
    public async Task The_patch_applied_to_what_was_sent_gives_the_changed_object_and_keeps_what_the_type_does_not_know() =>
        await Gen.Select(PodGenerator.Pods, Gen.Int[0, PodChanges.All.Count - 1].List[0, 5])
            .SampleAsync(
                async (sent, changes) =>
                {
                    string? before = null;
                    string? after = null;
                    _webhook.Change = pod =>
                    {
                        before = KubernetesJson.Serialize(pod);
                        foreach (var change in changes)
                            PodChanges.All[change](pod);
                        after = KubernetesJson.Serialize(pod);
                    };
                    var original = (JsonObject)JsonNode.Parse(sent)!;
                    var response = await ReviewAsync(original);
                    ((bool)response["allowed"]!).ShouldBeTrue();
                    var patch = response["patch"] is { } encoded
                        ? (JsonArray)JsonNode.Parse(Convert.FromBase64String((string)encoded!))!
                        : [];
                    var patched = JsonPatch.Apply(original, patch);

                    JsonNode
                        .DeepEquals(Typed(patched), JsonNode.Parse(after!))
                        .ShouldBeTrue($"{patch.ToJsonString()} on {sent} gave {patched.ToJsonString()} instead of {after}");
                    if (before == after)
                        patch.ShouldBeEmpty();
                    PodGenerator
                        .UnknownFields(patched)
                        .Intersect(PodGenerator.UnknownFields(original))
                        .ShouldBe(PodGenerator.UnknownFields(original).Where(f => PodGenerator.StillThere(f, patched)), ignoreOrder: true);
                    return true;
                },
                iter: 500,
                threads: 1
            );

    [Fact]
    public async Task A_container_that_is_put_in_front_takes_nothing_from_the_one_behind_it()
    {
        _webhook.Change = pod =>
        {
            pod.Spec.Containers.Insert(0, new V1Container { Name = "proxy" });
            pod.Spec.Containers[1].Image = "app:2";
        };
        var original = (JsonObject)
            JsonNode.Parse("""{"metadata":{"name":"p"},"spec":{"containers":[{"name":"app","image":"app:1","future":{"x":1}}]}}""")!;
        var response = await ReviewAsync(original);
        var patched = JsonPatch.Apply(original, (JsonArray)JsonNode.Parse(Convert.FromBase64String((string)response["patch"]!))!);
        patched["spec"]!["containers"]!.ToJsonString().ShouldBe("""[{"name":"proxy"},{"name":"app","image":"app:2","future":{"x":1}}]""");
    }

    [Fact]
    public async Task A_webhook_that_does_not_answer_in_time_leaves_the_verdict_to_the_failure_policy_and_is_measured()
    {
        using var metrics = new Measurements("outcome", "timeout");
        _webhook.Wait = new TaskCompletionSource().Task;
        using var answer = await PostAsync(Review(new JsonObject { ["metadata"] = new JsonObject { ["name"] = "p" } }), "?timeout=1s");
        answer.StatusCode.ShouldBe(HttpStatusCode.GatewayTimeout);
        metrics.Count("meshoperator.webhook.duration").ShouldBe(1);
    }

    [Fact]
    public async Task A_review_that_is_too_long_is_refused()
    {
        var pod = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["name"] = "p",
                ["annotations"] = new JsonObject { ["long"] = new string('x', 9 * 1024 * 1024) },
            },
        };
        using var answer = await PostAsync(Review(pod), string.Empty);
        answer.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
    }

    [Theory]
    [InlineData("no json")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"request":{"object":{}}}""")]
    public async Task What_is_no_review_is_a_bad_request(string body)
    {
        using var answer = await PostAsync(body, string.Empty);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_webhook_that_fails_refuses_and_does_not_reveal_its_secrets()
    {
        using var metrics = new Measurements("outcome", "error");
        _webhook.Change = _ => throw new InvalidOperationException("the secret");
        var response = await ReviewAsync((JsonObject)JsonNode.Parse("""{"metadata":{"name":"p"}}""")!);
        ((bool)response["allowed"]!).ShouldBeFalse();
        ((int)response["status"]!["code"]!).ShouldBe(500);
        response.ToJsonString().ShouldNotContain("the secret");
        metrics.Count("meshoperator.webhook.duration").ShouldBe(1);
    }

    private static JsonNode Typed(JsonObject pod) =>
        JsonNode.Parse(KubernetesJson.Serialize(KubernetesJson.Deserialize<V1Pod>(pod.ToJsonString())))!;

    private static string Review(JsonObject pod) =>
        new JsonObject
        {
            ["apiVersion"] = "admission.k8s.io/v1",
            ["kind"] = "AdmissionReview",
            ["request"] = new JsonObject
            {
                ["uid"] = "u",
                ["operation"] = "CREATE",
                ["namespace"] = "ns",
                ["object"] = pod.DeepClone(),
            },
        }.ToJsonString();

    private async Task<JsonObject> ReviewAsync(JsonObject pod)
    {
        using var answer = await PostAsync(Review(pod), "?timeout=10s");
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return (JsonObject)JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))!["response"]!;
    }

    private async Task<HttpResponseMessage> PostAsync(string body, string query)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/mutate/pods{query}")
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        // So that a refusal is read before the body is sent.
        request.Headers.ExpectContinue = true;
        return await _http.SendAsync(request, Cancellation);
    }

    private sealed class PodWebhook : MutationWebhook<V1Pod>
    {
        public Action<V1Pod> Change { get; set; } = _ => { };

        public Task Wait { get; set; } = Task.CompletedTask;

        public override async Task<AdmissionResult> MutateAsync(V1Pod entity, AdmissionContext context, CancellationToken cancellationToken)
        {
            await Wait;
            Change(entity);
            return AdmissionResult.Allow();
        }
    }
}
