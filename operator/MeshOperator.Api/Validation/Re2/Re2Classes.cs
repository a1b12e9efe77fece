using System.Collections.Frozen;
using System.Globalization;

namespace MeshOperator.Api.Validation;

/// <summary>Escapes and classes of characters.</summary>
internal sealed partial class Re2Reader
{
    // A program of RE2 works on the bytes of UTF-8: what a class needs depends on how its characters' bytes can be distinguished. These
    // are above what RE2 was seen to make.
    private const int AnyCharacterSize = 10;
    private const int WideRangeSize = 20;
    private const int NamedClassSize = 8;
    private const int CategorySize = 1250;
    private const int ScriptSize = 150;
    private const int CommonScriptSize = 500;

    private static readonly FrozenSet<string> PosixNames =
        "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit"
            .Split(' ')
            .ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenSet<string> Categories =
        "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs"
            .Split(' ')
            .ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Those of Unicode 14, which all proxies know that are still maintained.</summary>
    private static readonly FrozenSet<string> Scripts = """
        Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi
        Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform
        Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic
        Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew
        Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kayah_Li
        Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani
        Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive
        Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nandinagari New_Tai_Lue Newa Nko Nushu
        Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian
        Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician
        Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo
        Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan
        Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Reads what a backslash begins, outside of a class.</summary>
    private bool TryReadEscaped(Sequence sequence)
    {
        if (Takes(@"\Q"))
        {
            while (!IsAtEnd && !Takes(@"\E"))
                sequence.Push(Literal(TakeCharacter()));
            return true;
        }

        if (Takes(@"\A") || Takes(@"\z") || Takes(@"\b") || Takes(@"\B"))
        {
            sequence.Push(Re2Part.Empty);
            return true;
        }

        if (!TryReadNamedClass(out var size))
            return false;
        if (size > 0)
        {
            sequence.Push(new Re2Part(size));
            return true;
        }

        if (!TryReadEscape(out var character))
            return false;
        sequence.Push(Literal(character));
        return true;
    }

    /// <summary>Reads a class that a backslash begins, for example <c>\d</c> or <c>\p{Greek}</c>.</summary>
    /// <param name="size">0 when none begins here.</param>
    private bool TryReadNamedClass(out int size)
    {
        size = 0;
        switch (pattern.AsSpan(_at))
        {
            case ['\\', 'd' or 's' or 'w', ..]:
                size = NamedClassSize;
                break;
            case ['\\', 'D' or 'S' or 'W', ..]:
                size = NamedClassSize + WideRangeSize;
                break;
            case ['\\', 'p' or 'P', ..]:
                return TryReadUnicodeClass(out size);
            default:
                return true;
        }

        _at += 2;
        return true;
    }

    private bool TryReadUnicodeClass(out int size)
    {
        size = 0;
        var start = _at;
        _at += 2;
        var isBraced = Takes("{");
        var end = isBraced ? pattern.IndexOf('}', _at) : _at + 1;
        if (end < 0 || end > pattern.Length)
            return Fail(start, @"the name of the character class is not closed; write for example \p{Greek}");
        var name = pattern[_at..end];
        if (name.StartsWith('^'))
            name = name[1..];
        _at = isBraced ? end + 1 : end;
        size = name switch
        {
            _ when Categories.Contains(name) => CategorySize,
            "Common" => CommonScriptSize,
            "Any" => WideRangeSize,
            _ when Scripts.Contains(name) => ScriptSize,
            _ => 0,
        };
        return size > 0
            || Fail(
                start,
                $@"'{name}' is not a character class of RE2; use a general category or a script, for example \p{{Lu}} or \p{{Greek}}"
            );
    }

    /// <summary>Reads an escape that stands for one character.</summary>
    private bool TryReadEscape(out int character)
    {
        var start = _at++;
        character = 0;
        if (IsAtEnd)
            return Fail(start, @"the expression ends with a backslash; write \\ to match the character itself");
        var escaped = TakeCharacter();
        switch (escaped)
        {
            case 'n' or 'r' or 't' or 'a' or 'f' or 'v':
                character = "\n\r\t\a\f\v"["nrtafv".IndexOf((char)escaped, StringComparison.Ordinal)];
                return true;
            case 'x':
                return TryReadHexadecimal(start, out character);
            case '0':
            case >= '1' and <= '7' when !IsAtEnd && pattern[_at] is >= '0' and <= '7':
                character = escaped - '0';
                for (var digits = 1; digits < 3 && !IsAtEnd && pattern[_at] is >= '0' and <= '7'; digits++)
                    character = (character * 8) + pattern[_at++] - '0';
                return true;
            case < 0x80 when !char.IsAsciiLetterOrDigit((char)escaped):
                character = escaped;
                return true;
            default:
                return Fail(start, WhyUnknown(pattern[start.._at]));
        }
    }

    private static string WhyUnknown(string escape) =>
        escape[1] switch
        {
            >= '1' and <= '9' => $"RE2 does not support the back-reference {escape}",
            'k' or 'g' => $"RE2 does not support the back-reference {escape}",
            'Z' => @"RE2 does not support \Z; write \z for the end",
            'b' or 'B' or 'A' or 'z' or 'Q' => $@"{escape} is not allowed in a character class",
            'd' or 'D' or 's' or 'S' or 'w' or 'W' or 'p' or 'P' => $"a range cannot end with {escape}",
            'E' => @"there is no \Q before the \E",
            'u' => @"RE2 does not support \u; write for example \x{0041}",
            // RE2 itself takes it, but it matches a part of a character, and the libraries of other languages refuse it.
            'C' => @"\C is not supported; write . for any character",
            _ => $"RE2 does not support {escape}; write {escape[1..]} to match the character itself",
        };

    private bool TryReadHexadecimal(int start, out int character)
    {
        var isBraced = Takes("{");
        var end = isBraced ? pattern.IndexOf('}', _at) : _at + 2;
        character = 0;
        if (
            end < 0
            || end > pattern.Length
            || !int.TryParse(pattern.AsSpan(_at, end - _at), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out character)
            || character is < 0 or > 0x10FFFF
        )
            return Fail(start, @"\x must be followed by two hexadecimal digits, or by a number up to 10FFFF in braces");
        _at = isBraced ? end + 1 : end;
        return true;
    }

    private bool TryReadClass(Sequence sequence)
    {
        var start = _at++;
        var isNegated = Takes("^");
        var size = isNegated ? WideRangeSize : 0;
        // A ] is a character of the class where it comes first.
        for (var isFirst = true; isFirst || !Takes("]"); isFirst = false)
        {
            if (IsAtEnd)
                return Fail(start, @"the character class is not closed; write \[ to match the character itself");
            if (!isFirst && pattern.AsSpan(_at) is ['-', '[', not ':', ..])
                return Fail(_at, @"RE2 does not support the subtraction of classes; write \[ to match the character itself");
            if (!TryReadClassItem(out var item))
                return false;
            size += item;
        }

        sequence.Push(new Re2Part(size));
        return true;
    }

    private bool TryReadClassItem(out int size)
    {
        if (!TryReadPosixClass(out size) || (size == 0 && !TryReadNamedClass(out size)))
            return false;
        if (size > 0)
            return true;
        var start = _at;
        if (!TryReadClassCharacter(out var first))
            return false;
        var last = first;
        if (pattern.AsSpan(_at) is ['-', not ']', ..])
        {
            _at++;
            if (!TryReadClassCharacter(out last))
                return false;
            if (last < first)
                return Fail(start, $"the range '{pattern[start.._at]}' is in the wrong order");
        }

        size =
            last >= 0x80 ? WideRangeSize
            : _ignoresCase ? NamedClassSize
            : 1;
        return true;
    }

    /// <summary>Reads for example <c>[:alpha:]</c>. Without its end it is characters like others.</summary>
    private bool TryReadPosixClass(out int size)
    {
        size = 0;
        if (pattern.AsSpan(_at) is not ['[', ':', ..])
            return true;
        var end = pattern.IndexOf(":]", _at + 2, StringComparison.Ordinal);
        if (end < 0)
            return true;
        var name = pattern[(_at + 2)..end];
        var isNegated = name.StartsWith('^');
        if (!PosixNames.Contains(isNegated ? name[1..] : name))
            return Fail(_at, $"'[:{name}:]' is not a character class of RE2");
        size = isNegated ? NamedClassSize + WideRangeSize : NamedClassSize;
        _at = end + 2;
        return true;
    }

    private bool TryReadClassCharacter(out int character)
    {
        character = 0;
        if (IsAtEnd)
            return Fail(_at - 1, "the character class is not closed");
        if (pattern[_at] == '\\')
            return TryReadEscape(out character);
        character = TakeCharacter();
        return true;
    }
}
