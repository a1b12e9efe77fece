using System.Globalization;
using FluentValidation;
using MeshOperator.Api.V1Alpha1;

namespace MeshOperator.Api.Validation;

/// <summary>What a MtlsPolicy must fulfil besides its schema; the same rules in the webhook and in the reconciler.</summary>
public sealed class MtlsPolicyValidator : AbstractValidator<MtlsPolicySpec>
{
    /// <summary>Makes the validator.</summary>
    public MtlsPolicyValidator()
    {
        RuleFor(m => m.Selector).Must(s => s is null or { MatchLabels.Count: > 0 })
            .WithMessage("matchLabels must name a label; leave spec.selector out to select all pods");
        RuleForEach(m => m.PortModes)
            .Must(p => int.TryParse(p.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= 65535)
            .WithMessage((_, p) => $"'{p.Key}' is no port: it must be a number from 1 to 65535");

        // What would be accepted and not enforced is refused: a policy that protects only on paper is worse than none.
        RuleFor(m => m.Allow).Must(a => a is null or { Count: 0 }).WithMessage("access rules are not enforced by this version of the operator; remove them");
        RuleFor(m => m.Deny).Must(d => d is null or { Count: 0 }).WithMessage("access rules are not enforced by this version of the operator; remove them");
        RuleFor(m => m.Tls).Must(t => t is null or { MinVersion: null or "1.2", CipherSuites: null or { Count: 0 } })
            .WithMessage("bounds on TLS are not enforced by this version of the operator; remove them");
    }
}
