using System.Globalization;
using System.Text;

namespace MeshOperator.Api.Validation;

/// <summary>Reads one RE2 expression from left to right, once.</summary>
internal sealed partial class Re2Reader(string pattern)
{
    private const int MaxDepth = 200;
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private int _at;
    private int _depth;
    private bool _ignoresCase;

    /// <summary>What is wrong, once something is.</summary>
    public string Error { get; private set; } = string.Empty;

    private bool IsAtEnd => _at >= pattern.Length;

    /// <summary>Reads the whole expression.</summary>
    public bool TryRead(out Re2Part whole) =>
        TryReadAlternatives(out whole) && (IsAtEnd || Fail(_at, @"the ')' does not close a group; write \) to match the character itself"));

    private bool TryReadAlternatives(out Re2Part alternatives)
    {
        alternatives = new Re2Part(0);
        do
        {
            if (!TryReadSequence(out var sequence))
                return false;
            alternatives = alternatives.With(sequence);
        } while (Takes("|"));
        return true;
    }

    private bool TryReadSequence(out Re2Part whole)
    {
        var sequence = new Sequence();
        var repeatedAt = -1;
        whole = default;
        while (!IsAtEnd && pattern[_at] is not ('|' or ')'))
        {
            var start = _at;
            if (TryTakeRepeat(out var repeat))
            {
                if (repeatedAt >= 0)
                    return Fail(repeatedAt, $"a repetition cannot be repeated; RE2 does not support '{pattern[repeatedAt.._at]}'");
                if (sequence.Last is not { } last)
                    return Fail(
                        start,
                        $@"there is nothing before the '{pattern[start]}' to repeat; write \{pattern[start]} to match the character itself"
                    );
                if (!IsWithinBounds(start, repeat, last))
                    return false;
                sequence.Last = last.Times(repeat);
                repeatedAt = start;
                continue;
            }

            repeatedAt = -1;
            if (!TryReadPart(sequence))
                return false;
        }

        whole = sequence.Whole;
        return true;
    }

    private bool IsWithinBounds(int start, Re2Repeat repeat, Re2Part repeated)
    {
        if (!repeat.IsCounted)
            return true;
        if (Math.Max(repeat.Least, repeat.Largest) is var count && count > Re2Syntax.MaxRepeat)
            return Fail(start, $"the count {count} is above {Re2Syntax.MaxRepeat}");
        if (repeat.Most < repeat.Least)
            return Fail(start, $"the maximum, {repeat.Most}, is below the minimum, {repeat.Least}");
        return repeat.Largest < 2
            || repeated.Repeats * repeat.Largest <= Re2Syntax.MaxRepeat
            || Fail(start, $"the product of nested counts is {repeated.Repeats * repeat.Largest}, which is above {Re2Syntax.MaxRepeat}");
    }

    private bool TryTakeRepeat(out Re2Repeat repeat)
    {
        repeat = default;
        if (pattern[_at] is '*' or '+' or '?')
            _at++;
        else if (!TryTakeCounts(out repeat))
            return false;
        _ = Takes("?");
        return true;
    }

    /// <summary>Takes <c>{n}</c>, <c>{n,}</c> or <c>{n,m}</c>. A brace before anything else is a character like others.</summary>
    private bool TryTakeCounts(out Re2Repeat repeat)
    {
        repeat = default;
        var start = _at;
        if (Takes("{") && TryTakeNumber(out var least))
        {
            if (Takes("}"))
                repeat = new Re2Repeat(IsCounted: true, least, least);
            else if (Takes(",}"))
                repeat = new Re2Repeat(IsCounted: true, least);
            else if (Takes(",") && TryTakeNumber(out var most) && Takes("}"))
                repeat = new Re2Repeat(IsCounted: true, least, most);
        }

        if (!repeat.IsCounted)
            _at = start;
        return repeat.IsCounted;
    }

    /// <summary>Of numbers with leading zeros, or of more digits than these, RE2 makes no count.</summary>
    private bool TryTakeNumber(out int number)
    {
        var start = _at;
        while (!IsAtEnd && char.IsAsciiDigit(pattern[_at]))
            _at++;
        var digits = pattern.AsSpan(start, _at - start);
        number = 0;
        return digits.Length is > 0 and <= 8
            && (digits.Length == 1 || digits[0] != '0')
            && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private bool TryReadPart(Sequence sequence)
    {
        switch (pattern[_at])
        {
            case '(':
                return TryReadGroup(sequence);
            case '[':
                return TryReadClass(sequence);
            case '\\':
                return TryReadEscaped(sequence);
            case '.':
                _at++;
                sequence.Push(new Re2Part(AnyCharacterSize));
                return true;
            case '^' or '$':
                _at++;
                sequence.Push(Re2Part.Empty);
                return true;
            default:
                sequence.Push(Literal(TakeCharacter()));
                return true;
        }
    }

    private bool TryReadGroup(Sequence sequence)
    {
        var start = _at++;
        var ignoresCase = _ignoresCase;
        if (Takes("?"))
        {
            if (!TryReadGroupKind(start, out var isOpen))
                return false;
            // Flags alone, (?i), apply to the rest of the group around them.
            if (!isOpen)
                return true;
        }

        if (++_depth > MaxDepth)
            return Fail(start, $"groups are nested more than {MaxDepth} levels deep");
        if (!TryReadAlternatives(out var inner))
            return false;
        if (!Takes(")"))
            return Fail(start, @"the group is not closed; write \( to match the character itself");
        _depth--;
        _ignoresCase = ignoresCase;
        sequence.Push(inner.With(new Re2Part(2)));
        return true;
    }

    /// <summary>Reads what follows <c>(?</c>.</summary>
    private bool TryReadGroupKind(int start, out bool isOpen)
    {
        isOpen = true;
        if (Takes("P<"))
            return TryReadName(start);
        var unknown = IsAtEnd
            ? "the group is not closed"
            : pattern[_at] switch
            {
                '=' or '!' => "RE2 does not support look-ahead",
                '<' when pattern.AsSpan(_at + 1) is ['=' or '!', ..] => "RE2 does not support look-behind",
                '<' or '\'' => "RE2 does not support this form of a named group; write (?P<name>…)",
                'P' => "RE2 does not support back-references by name",
                '>' => "RE2 does not support atomic groups",
                '#' => "RE2 does not support comments",
                '(' => "RE2 does not support conditions",
                '|' => "RE2 does not support branch resets",
                _ => null,
            };
        return unknown is null ? TryReadFlags(out isOpen) : Fail(start, unknown);
    }

    private bool TryReadName(int start)
    {
        var end = pattern.IndexOf('>', _at);
        if (end < 0)
            return Fail(start, "the group's name is not closed; write (?P<name>…)");
        var name = pattern[_at..end];
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
            return Fail(_at, $"'{name}' is not the name of a group; use letters, digits and '_'");
        // RE2 itself takes that, but the libraries of other languages, by which gRPC clients match, refuse it.
        if (!_names.Add(name))
            return Fail(_at, $"two groups are named '{name}'; rename one of them");
        _at = end + 1;
        return true;
    }

    private bool TryReadFlags(out bool isOpen)
    {
        var isNegated = false;
        var isFlagMissing = false;
        for (isOpen = false; !IsAtEnd; _at++)
        {
            switch (pattern[_at])
            {
                case 'i' or 'm' or 's' or 'U':
                    if (pattern[_at] == 'i')
                        _ignoresCase = !isNegated;
                    isFlagMissing = false;
                    break;
                case '-' when !isNegated:
                    isNegated = isFlagMissing = true;
                    break;
                case ':' or ')' when !isFlagMissing:
                    isOpen = pattern[_at++] == ':';
                    return true;
                default:
                    return Fail(_at, $"'{pattern[_at]}' is not a flag of RE2; use i, m, s or U");
            }
        }

        return Fail(pattern.Length - 1, "the flags are not closed; write for example (?i)");
    }

    private Re2Part Literal(int character) =>
        new(new Rune(character is >= 0xD800 and <= 0xDFFF ? 0xFFFD : character).Utf8SequenceLength + (_ignoresCase ? 4 : 0));

    /// <summary>Takes one character, which may be two of .NET's.</summary>
    private int TakeCharacter()
    {
        _ = Rune.DecodeFromUtf16(pattern.AsSpan(_at), out var character, out var length);
        _at += length;
        return character.Value;
    }

    private bool Takes(string text)
    {
        if (string.CompareOrdinal(pattern, _at, text, 0, text.Length) != 0)
            return false;
        _at += text.Length;
        return true;
    }

    private bool Fail(int at, string what)
    {
        Error = $"at character {at + 1}, {what}";
        return false;
    }

    /// <summary>Parts that follow each other. The last one is kept apart, as a repetition applies to that one only.</summary>
    private sealed class Sequence
    {
        private Re2Part _before = Re2Part.Empty;

        public Re2Part? Last { get; set; }

        public Re2Part Whole => Last is { } last ? _before.With(last) : _before;

        public void Push(Re2Part part)
        {
            _before = Whole;
            Last = part;
        }
    }
}
