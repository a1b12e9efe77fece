using FluentValidation;
using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;

namespace MeshOperator.Api.Authorities;

/// <summary>What a MeshCertificateAuthority must fulfil besides its schema; the same rules in the webhook and in the reconciler.</summary>
public sealed class MeshCertificateAuthorityValidator : AbstractValidator<MeshCertificateAuthoritySpec>
{
    private static readonly TimeSpan ShortestLife = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LongestLife = TimeSpan.FromHours(168);
    private static readonly TimeSpan LongestOverlap = TimeSpan.FromDays(90);
    private static readonly string[] KeyTypes = ["ECDSA_P256", "RSA_2048"];

    /// <summary>Makes the validator.</summary>
    public MeshCertificateAuthorityValidator()
    {
        RuleFor(a => a.Provider)
            .Must(p => p is null or { SelfSigned: null } or { Secret: null })
            .WithMessage("selfSigned and secret are both set; set only one of them");
        RuleFor(a => a.LeafTTL)
            .IsDuration()
            .Must(text => !MeshDuration.TryParse(text, out var life) || (life >= ShortestLife && life <= LongestLife))
            .WithMessage((_, text) => $"'{text}' is out of range; use a duration from 10m to 168h");
        RuleFor(a => a.RenewAt)
            .Must(part => part is >= 0.2 and <= 0.8)
            .WithMessage((_, part) => $"{part} is out of range; use a number from 0.2 to 0.8");
        RuleFor(a => a.KeyType)
            .Must(type => KeyTypes.Contains(type))
            .WithMessage((_, type) => $"'{type}' is not a key type; use {string.Join(" or ", KeyTypes)}");
        When(
            a => a.Rotation is not null,
            () =>
                RuleFor(a => a.Rotation!.Overlap)
                    .IsDuration()
                    .Must(text => !MeshDuration.TryParse(text, out var overlap) || overlap <= LongestOverlap)
                    .WithMessage((_, text) => $"'{text}' is too long; use at most 2160h")
        );
    }
}
