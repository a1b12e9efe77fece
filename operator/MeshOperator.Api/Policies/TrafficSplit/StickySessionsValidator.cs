using FluentValidation;

namespace MeshOperator.Api.Policies;

/// <summary>What identifies a client must be one thing.</summary>
internal sealed class StickySessionsValidator : AbstractValidator<StickySessions>
{
    public StickySessionsValidator()
    {
        RuleFor(s => s)
            .Must(s => (s.Cookie is null ? 0 : 1) + (s.Header is null ? 0 : 1) + (s.SourceIP is true ? 1 : 0) == 1)
            .WithMessage("set exactly one of cookie, header and sourceIP");
        RuleFor(s => s.Header).IsHeaderName();
        RuleFor(s => s.Cookie!.Name).IsHeaderName().When(s => s.Cookie is not null);
        RuleFor(s => s.Cookie!.Ttl).IsDuration().When(s => s.Cookie is not null);
    }
}
