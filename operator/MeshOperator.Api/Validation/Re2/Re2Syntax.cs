using System.Diagnostics.CodeAnalysis;

namespace MeshOperator.Api.Validation;

/// <summary>Says whether RE2, by which proxies match, takes a regular expression. What RE2 refuses, a proxy refuses together with the
/// whole resource that it stands in. The grammar is that of <c>github.com/google/re2/wiki/Syntax</c>, as RE2's parser reads it.</summary>
internal static class Re2Syntax
{
    /// <summary>RE2's own bound on counts, and on the product of nested ones.</summary>
    public const int MaxRepeat = 1000;

    /// <summary>Half of what proxies take (<c>re2.max_program_size.error_level</c>), as the size is an estimate.</summary>
    public const int MaxSize = 16384;

    /// <summary>Reads an expression.</summary>
    /// <param name="pattern">The expression.</param>
    /// <param name="error">What is wrong, and at which character, counted from 1.</param>
    public static bool TryRead(string pattern, [NotNullWhen(false)] out string? error)
    {
        var reader = new Re2Reader(pattern);
        error =
            !reader.TryRead(out var whole) ? reader.Error
            : whole.Size > MaxSize
                ? $"its size of about {whole.Size} is above {MaxSize}, because counts multiply what they repeat; use smaller counts"
            : null;
        return error is null;
    }
}

/// <summary>A part of an expression.</summary>
/// <param name="Size">How many instructions RE2 makes of it, rather too many than too few.</param>
/// <param name="Repeats">The largest product of nested counts in it.</param>
internal readonly record struct Re2Part(long Size, long Repeats = 1)
{
    /// <summary>Matches the empty text.</summary>
    public static Re2Part Empty { get; } = new(1);

    /// <summary>Both parts, one after the other or to choose from.</summary>
    public Re2Part With(Re2Part other) => new(Size + other.Size, Math.Max(Repeats, other.Repeats));

    /// <summary>The part repeated. RE2 writes it out as often as the counts say, with a step to leave at each optional one.</summary>
    public Re2Part Times(Re2Repeat repeat) =>
        repeat.IsCounted
            ? new Re2Part(((Size + 1) * Math.Max(repeat.Largest, 1)) + 1, Repeats * Math.Max(repeat.Largest, 1))
            : this with
            {
                Size = Size + 2,
            };
}

/// <summary>A repetition.</summary>
/// <param name="IsCounted">False for <c>*</c>, <c>+</c> and <c>?</c>.</param>
/// <param name="Least">The least count.</param>
/// <param name="Most">The largest count; null when there is none.</param>
internal readonly record struct Re2Repeat(bool IsCounted, int Least = 0, int? Most = null)
{
    /// <summary>The larger of the counts that are given.</summary>
    public int Largest => Most ?? Least;
}
