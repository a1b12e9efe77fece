using System.Text.Json;
using System.Text.Json.Nodes;

namespace MeshOperator.Local.Application;

/// <summary>Answers as a server of language models does: <c>POST /v1/completions</c> and <c>/v1/chat/completions</c> with
/// <c>{"max_tokens": 20, "stream": true}</c>. Without <c>stream</c> the answer comes when all tokens are there.</summary>
/// <param name="version">The version of the model.</param>
/// <param name="tokensPerSecond">How fast it is, for each request.</param>
internal sealed class Completions(string version, int tokensPerSecond)
{
    private const int UsualTokens = 16;
    private const int MostTokens = 10_000;
    private static readonly string[] Paths = ["/v1/completions", "/v1/chat/completions"];

    /// <summary>Whether a request is for it.</summary>
    public static bool IsFor(HttpRequest request) => HttpMethods.IsPost(request.Method) && Paths.Contains(request.Path.Value);

    /// <summary>Answers a request.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        var order = await ReadAsync(context.Request, context.RequestAborted);
        if (order is null)
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
        else if (order.Stream)
            await StreamAsync(context, order.Tokens);
        else
            await AnswerWholeAsync(context, order.Tokens);
    }

    /// <summary>Null for a body that is no JSON object. Without a body all is as usual.</summary>
    private static async Task<Order?> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        using var reader = new StreamReader(request.Body);
        var text = await reader.ReadToEndAsync(cancellation);
        if (text.Length == 0)
            return new Order(UsualTokens, Stream: false);
        try
        {
            return JsonNode.Parse(text) is JsonObject body
                ? new Order(Math.Clamp((int?)body["max_tokens"] ?? UsualTokens, 1, MostTokens), (bool?)body["stream"] ?? false)
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private async Task StreamAsync(HttpContext context, int tokens)
    {
        context.Response.ContentType = "text/event-stream";
        for (var token = 1; token <= tokens; token++)
        {
            await ComputeAsync(1, context.RequestAborted);
            await SendAsync(context, Choice($" token{token}").ToJsonString());
        }

        await SendAsync(context, "[DONE]");
    }

    private async Task AnswerWholeAsync(HttpContext context, int tokens)
    {
        await ComputeAsync(tokens, context.RequestAborted);
        var answer = Choice(string.Concat(Enumerable.Range(1, tokens).Select(token => $" token{token}")));
        answer["usage"] = new JsonObject { ["completion_tokens"] = tokens };
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(answer.ToJsonString() + "\n", context.RequestAborted);
    }

    private static async Task SendAsync(HttpContext context, string data)
    {
        await context.Response.WriteAsync($"data: {data}\n\n", context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    private Task ComputeAsync(int tokens, CancellationToken cancellation) =>
        Task.Delay(TimeSpan.FromSeconds((double)tokens / tokensPerSecond), TimeProvider.System, cancellation);

    private JsonObject Choice(string text) =>
        new() { ["model"] = version, ["choices"] = new JsonArray(new JsonObject { ["text"] = text }) };

    private sealed record Order(int Tokens, bool Stream);
}
