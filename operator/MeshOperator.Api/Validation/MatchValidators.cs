using FluentValidation;
using MeshOperator.Api.V1Alpha1;

namespace MeshOperator.Api.Validation;

/// <summary>Rules of conditions on a request's path.</summary>
internal sealed class PathMatchValidator : AbstractValidator<PathMatch>
{
    public PathMatchValidator()
    {
        RuleFor(p => p.Value)
            .Must((p, value) => p.Type == PathMatchType.RegularExpression || value.StartsWith('/'))
            .WithMessage((_, value) => $"the path '{value}' must begin with '/'")
            .Must((p, value) => p.Type != PathMatchType.RegularExpression || PolicyRules.IsExpression(value))
            .WithMessage((_, value) => $"the path '{value}' is no RE2 expression");
    }
}

/// <summary>Rules of conditions on headers and query parameters.</summary>
internal sealed class ValueMatchValidator : AbstractValidator<ValueMatch>
{
    public ValueMatchValidator() => RuleFor(v => v.Value)
        .Must((v, value) => v.Type != ValueMatchType.RegularExpression || PolicyRules.IsExpression(value))
        .WithMessage((v, value) => $"'{value}' for '{v.Name}' is no RE2 expression");
}
