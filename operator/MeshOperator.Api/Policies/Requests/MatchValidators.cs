using FluentValidation;
using MeshOperator.Api.Validation;

namespace MeshOperator.Api.Policies;

/// <summary>Rules of conditions on a request's path.</summary>
internal sealed class PathMatchValidator : AbstractValidator<PathMatch>
{
    /// <param name="fix">What to do about a query.</param>
    public PathMatchValidator(string fix) =>
        When(p => p.Type == PathMatchType.RegularExpression, () => RuleFor(p => p.Value).IsExpression("the path"))
            .Otherwise(() =>
                RuleFor(p => p.Value)
                    .Must(value => value.StartsWith('/'))
                    .WithMessage((_, value) => $"the path '{value}' does not begin with '/'; add it")
                    .Must(value => !PolicyRules.HasQuery(value))
                    .WithMessage((_, value) => $"'{value}' has a query or fragment, which is not part of the path; {fix}")
            );
}

/// <summary>Rules of conditions on headers and query parameters.</summary>
internal sealed class ValueMatchValidator : AbstractValidator<ValueMatch>
{
    /// <param name="owner">Whose values they are, for messages.</param>
    public ValueMatchValidator(string owner)
    {
        RuleFor(v => v.Name).IsHeaderName();
        RuleFor(v => v.Value).IsOneLine(owner);
        When(v => v.Type == ValueMatchType.RegularExpression, () => RuleFor(v => v.Value).IsExpression("the value"));
    }
}

/// <summary>Rules of conditions on cookies.</summary>
internal sealed class CookieMatchValidator : AbstractValidator<CookieMatch>
{
    public CookieMatchValidator()
    {
        RuleFor(c => c.Name).IsHeaderName();
        RuleFor(c => c.Value).IsOneLine("a cookie");
    }
}
