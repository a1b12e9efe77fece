using System.Text;

namespace MeshOperator.Tests.Goldens;

/// <summary>Shows where two texts differ.</summary>
internal static class TextDifference
{
    private const int Around = 3;
    private const int Most = 40;

    /// <summary>The lines from the first to the last that differ, as a patch would show them, with some around them.</summary>
    public static string Between(string expected, string actual)
    {
        string[] before = expected.Split('\n'),
            after = actual.Split('\n');
        var shorter = Math.Min(before.Length, after.Length);
        var start = 0;
        while (start < shorter && before[start] == after[start])
            start++;
        var end = 0;
        while (end < shorter - start && before[^(end + 1)] == after[^(end + 1)])
            end++;

        var text = new StringBuilder().Append("@@ line ").Append(start + 1).Append(" @@\n");
        Append(text, ' ', before, Math.Max(0, start - Around), start);
        Append(text, '-', before, start, before.Length - end);
        Append(text, '+', after, start, after.Length - end);
        Append(text, ' ', before, before.Length - end, Math.Min(before.Length, before.Length - end + Around));
        return text.ToString();
    }

    private static void Append(StringBuilder text, char mark, string[] lines, int from, int to)
    {
        foreach (var line in lines[from..Math.Min(to, from + Most)])
            text.Append(mark).Append(line).Append('\n');
        if (to - from > Most)
            text.Append(mark).Append("… and ").Append(to - from - Most).Append(" more lines\n");
    }
}
