using Envoy.Config.Core.V3;
using Envoy.Config.Listener.V3;
using Envoy.Config.Rbac.V3;
using Envoy.Extensions.Matching.CommonInputs.Network.V3;
using Envoy.Extensions.Matching.InputMatchers.RuntimeFraction.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Xds.Translation.Shared;
using Xds.Type.Matcher.V3;
using Extension = Xds.Core.V3.TypedExtensionConfig;
using NetworkRbac = Envoy.Extensions.Filters.Network.Rbac.V3.RBAC;
using Predicate = Xds.Type.Matcher.V3.Matcher.Types.MatcherList.Types.Predicate;
using RbacAction = Envoy.Config.Rbac.V3.Action;
using Rules = Envoy.Config.Rbac.V3.RBAC;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Makes the filter that ends a connection of bytes at its client's next byte once callers have lost permissions. Envoy judges a
/// connection by the rules under which it was opened; all that reaches it later is a runtime flag.</summary>
internal static class RevokedFilter
{
    /// <summary>How many revisions back flags are set. Connections of earlier ones have ended with their chains.</summary>
    private const int FlagsKept = 8;

    /// <summary>The flags: one for each revision of a target that is over.</summary>
    public static IEnumerable<(string Key, Value Value)> Flags(IEnumerable<InboundTarget> targets)
    {
        foreach (var target in targets)
        {
            for (var revision = Math.Max(0, target.Port.Revision - FlagsKept); revision < target.Port.Revision; revision++)
                yield return (target.RevokedFlag(revision), Always.Clone());
        }
    }

    /// <summary>The filter of a target's present revision.</summary>
    public static Filter Create(InboundTarget target)
    {
        var isRevoked = new RuntimeFraction { RuntimeFraction_ = EnvoyMessages.RuntimeFraction(0) };
        isRevoked.RuntimeFraction_.RuntimeKey = target.RevokedFlag(target.Port.Revision);
        return new Filter
        {
            Name = "envoy.filters.network.rbac/revoked",
            TypedConfig = EnvoyMessages.Pack(
                new NetworkRbac
                {
                    StatPrefix = $"tcp.{target.Name}.revoked",
                    EnforcementType = NetworkRbac.Types.EnforcementType.Continuous,
                    Matcher = new Matcher
                    {
                        MatcherList = new Matcher.Types.MatcherList
                        {
                            Matchers =
                            {
                                new Matcher.Types.MatcherList.Types.FieldMatcher
                                {
                                    Predicate = new Predicate
                                    {
                                        SinglePredicate = new Predicate.Types.SinglePredicate
                                        {
                                            Input = Pack("source", new SourceIPInput()),
                                            CustomMatch = Pack("flag", isRevoked),
                                        },
                                    },
                                    OnMatch = Action(Rules.Types.Action.Deny),
                                },
                            },
                        },
                        OnNoMatch = Action(Rules.Types.Action.Allow),
                    },
                }
            ),
        };
    }

    /// <summary>A fraction as a runtime value.</summary>
    private static Value Always { get; } =
        Value.ForStruct(new Struct { Fields = { ["numerator"] = Value.ForNumber(100), ["denominator"] = Value.ForString("HUNDRED") } });

    private static Matcher.Types.OnMatch Action(Rules.Types.Action action) =>
        new() { Action = Pack("action", new RbacAction { Name = action.ToString(), Action_ = action }) };

    private static Extension Pack(string name, Google.Protobuf.IMessage message) =>
        new() { Name = name, TypedConfig = EnvoyMessages.Pack(message) };
}
