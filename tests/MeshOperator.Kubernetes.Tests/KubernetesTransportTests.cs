using System.Net;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

public sealed class KubernetesTransportTests : IDisposable
{
    private readonly ScriptedApiServer _server = new();
    private readonly FakeTimeProvider _time = new();

    public void Dispose() => _server.Dispose();

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task A_read_is_repeated_after_a_failure_of_the_server(int status)
    {
        _server.Answer("{}", (HttpStatusCode)status).Fail(HttpRequestError.ResponseEnded).Answer("""{"a":1}""");
        var answer = await Passing(Send(HttpMethod.Get));
        answer.ShouldBe("""{"a":1}""");
        _server.Requests.Count.ShouldBe(3);
    }

    [Theory]
    [InlineData("POST", 500)]
    [InlineData("POST", 503)]
    [InlineData("PATCH", 503)]
    [InlineData("PUT", 504)]
    [InlineData("DELETE", 500)]
    [InlineData("POST", 429)]
    [InlineData("GET", 404)]
    [InlineData("GET", 409)]
    public async Task What_may_have_been_carried_out_or_will_not_change_is_not_repeated(string method, int status)
    {
        _server.Answer("""{"reason":"Why","message":"so"}""", (HttpStatusCode)status).Answer("{}");
        var error = await Should.ThrowAsync<KubernetesApiException>(() => Passing(Send(new HttpMethod(method))));
        ((int)error.StatusCode, error.Reason).ShouldBe((status, "Why"));
        _server.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_write_whose_connection_broke_is_not_repeated()
    {
        _server.Fail(HttpRequestError.ResponseEnded).Answer("{}");
        await Should.ThrowAsync<HttpRequestException>(() => Passing(Send(HttpMethod.Post)));
        _server.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_write_that_never_got_a_connection_is_repeated()
    {
        _server.Fail(HttpRequestError.ConnectionError).Answer("{}");
        await Passing(Send(HttpMethod.Post));
        _server.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_write_is_repeated_when_the_server_asks_to_wait_and_not_before()
    {
        _server.Answer("{}", HttpStatusCode.TooManyRequests, retryAfter: 5).Answer("{}");
        var sent = Send(HttpMethod.Post);
        for (var i = 0; i < 49; i++)
            _time.Advance(TimeSpan.FromSeconds(0.1));
        _server.Requests.Count.ShouldBe(1);
        await Passing(sent);
        _server.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Being_asked_to_wait_long_is_reported_instead()
    {
        _server.Answer("{}", HttpStatusCode.TooManyRequests, retryAfter: 60).Answer("{}");
        var error = await Should.ThrowAsync<KubernetesApiException>(() => Passing(Send(HttpMethod.Get)));
        error.RetryAfter.ShouldBe(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_request_that_is_not_answered_ends_in_time()
    {
        _server.Hang();
        var error = await Should.ThrowAsync<TimeoutException>(() => Passing(Send(HttpMethod.Post)));
        error.Message.ShouldContain("within 30 s");
    }

    [Fact]
    public async Task A_server_that_fails_again_and_again_is_not_called_for_a_while_and_the_circuit_is_measured()
    {
        var transport = _server.Transport(_time, new KubernetesTransportOptions { MaxRetries = 1 }, "circuit.test");
        Task<byte[]> Post() => transport.SendAsync(HttpMethod.Post, "api", [1], "application/json", TestContext.Current.CancellationToken);
        using var metrics = new Measurements("server", "circuit.test");
        metrics.Last("meshoperator.api.circuit.state").ShouldBe(0);
        for (var i = 0; i < 10; i++)
        {
            _server.Answer("{}", HttpStatusCode.ServiceUnavailable);
            await Should.ThrowAsync<KubernetesApiException>(Post);
        }

        var refused = await Should.ThrowAsync<KubernetesApiException>(Post);
        refused.Reason.ShouldBe("CircuitOpen");
        refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        _server.Requests.Count.ShouldBe(10);
        metrics.Last("meshoperator.api.circuit.state").ShouldBe(2);

        // A watch goes its own way.
        _server.AnswerStream();
        (
            await transport.OpenAsync(HttpMethod.Get, "api?watch=1", null, "application/json", TestContext.Current.CancellationToken)
        ).Dispose();

        _time.Advance(TimeSpan.FromSeconds(6));
        _server.Answer("{}");
        await Post();
        metrics.Last("meshoperator.api.circuit.state").ShouldBe(0);
        GC.KeepAlive(transport);
    }

    private async Task<string> Send(HttpMethod method) =>
        System.Text.Encoding.UTF8.GetString(
            await _server
                .Transport(_time)
                .SendAsync(
                    method,
                    "api/v1/things",
                    method == HttpMethod.Get ? null : [123, 125],
                    "application/json",
                    TestContext.Current.CancellationToken
                )
        );

    /// <summary>Lets time pass until the task is done.</summary>
    private async Task<string> Passing(Task<string> task)
    {
        await Eventually.Succeeds(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(0.5));
            task.IsCompleted.ShouldBeTrue();
        });
        return await task;
    }
}
