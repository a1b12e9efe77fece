using Envoy.Config.Core.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Common.Ratelimit.V3;
using Envoy.Extensions.Matching.CommonInputs.Ssl.V3;
using Envoy.Type.Matcher.V3;
using Envoy.Type.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using Action = Envoy.Config.Route.V3.RateLimit.Types.Action;
using HitsAddend = Envoy.Config.Route.V3.RateLimit.Types.HitsAddend;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Makes the descriptors by which requests find the bucket of a limit. A request that lacks what an action looks for has no
/// descriptor and would not be counted, so there is an action for those that have it and one for those that do not.</summary>
internal static class LimitDescriptors
{
    private const string LimitKey = "limit";
    private const string ClientKey = "client";

    /// <summary>The client of all requests that name none. Envoy takes no empty value here.</summary>
    private const string Nobody = "-";

    /// <summary>What the proxy writes from a verified certificate, and takes out of requests that came without one.</summary>
    private const string CertificateHeader = "x-forwarded-client-cert";

    /// <summary>Numbers that Envoy takes. Zero would be free.</summary>
    private static readonly StringMatcher Number = new() { SafeRegex = new RegexMatcher { Regex = "[1-9][0-9]{0,8}" } };

    /// <summary>The bucket of a limit, or of each client where the limit has clients.</summary>
    public static LocalRateLimitDescriptor Descriptor(RequestLimit limit, TokenBucket bucket)
    {
        var descriptor = new LocalRateLimitDescriptor
        {
            Entries =
            {
                new RateLimitDescriptor.Types.Entry { Key = LimitKey, Value = limit.Name },
            },
            TokenBucket = bucket,
        };
        if (limit.Client is not null)
            descriptor.Entries.Add(new RateLimitDescriptor.Types.Entry { Key = ClientKey });
        return descriptor;
    }

    /// <summary>What gives a request the descriptor of a limit, and how many tokens it takes. At most one is for a request.</summary>
    public static IEnumerable<RateLimit> Actions(RequestLimit limit) =>
        from client in Clients(limit.Client)
        from cost in Costs(limit.Cost)
        select Create(limit, [.. MatchBuilder.AsHeaders(limit.Match), .. client.Conditions, .. cost.Conditions], client.Action, cost.Hits);

    private static RateLimit Create(RequestLimit limit, IReadOnlyList<HeaderMatcher> conditions, Action? client, HitsAddend? hits)
    {
        var result = new RateLimit { HitsAddend = hits };
        result.Actions.Add(
            conditions.Count == 0
                ? new Action
                {
                    GenericKey = new() { DescriptorKey = LimitKey, DescriptorValue = limit.Name },
                }
                : new Action
                {
                    HeaderValueMatch = new()
                    {
                        DescriptorKey = LimitKey,
                        DescriptorValue = limit.Name,
                        Headers = { conditions },
                    },
                }
        );
        if (client is not null)
            result.Actions.Add(client);
        return result;
    }

    private static IEnumerable<(IReadOnlyList<HeaderMatcher> Conditions, Action? Action)> Clients(LimitClient? client)
    {
        if (client is null)
        {
            yield return ([], null);
            yield break;
        }

        yield return ([], client.Header is { } header ? ByHeader(header) : ByIdentity());
        yield return (
            [Missing(client.Header ?? CertificateHeader)],
            new Action
            {
                GenericKey = new() { DescriptorKey = ClientKey, DescriptorValue = Nobody },
            }
        );
    }

    private static Action ByHeader(string header) =>
        new()
        {
            RequestHeaders = new() { HeaderName = EnvoyName(header), DescriptorKey = ClientKey },
        };

    /// <summary>Read from the connection, so nothing in a request can change it.</summary>
    private static Action ByIdentity() =>
        new()
        {
            Extension = new TypedExtensionConfig { Name = ClientKey, TypedConfig = EnvoyMessages.Pack(new UriSanInput()) },
        };

    private static IEnumerable<(IReadOnlyList<HeaderMatcher> Conditions, HitsAddend? Hits)> Costs(RequestCost cost)
    {
        var constant = cost.Requests == 1 ? null : new HitsAddend { Number = (ulong)cost.Requests };
        if (cost.Header is not { } header)
        {
            yield return ([], constant);
            yield break;
        }

        var name = EnvoyName(header);
        yield return ([new HeaderMatcher { Name = name, StringMatch = Number }], new HitsAddend { Format = $"%REQ({name})%" });
        yield return (
            [
                new HeaderMatcher
                {
                    Name = name,
                    StringMatch = Number,
                    InvertMatch = true,
                    TreatMissingHeaderAsEmpty = true,
                },
            ],
            constant
        );
    }

    private static HeaderMatcher Missing(string header) =>
        new()
        {
            Name = EnvoyName(header),
            PresentMatch = true,
            InvertMatch = true,
        };

    private static string EnvoyName(string header) => header == "host" ? ":authority" : header;
}
