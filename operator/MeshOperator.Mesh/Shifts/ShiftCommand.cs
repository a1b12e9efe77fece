using System.Globalization;

namespace MeshOperator.Mesh.Shifts;

/// <summary>What a person can say to a gradual shift.</summary>
public enum ShiftVerb
{
    /// <summary>Begin the next step, which waits for it.</summary>
    Approve,

    /// <summary>Stay where it is.</summary>
    Pause,

    /// <summary>Go on from there.</summary>
    Resume,

    /// <summary>Take the traffic back.</summary>
    Abort,

    /// <summary>Send all traffic to the target now.</summary>
    Promote,

    /// <summary>Begin again, from 0 percent.</summary>
    Restart,
}

/// <summary>A command for a gradual shift: the value of an annotation, for example <c>approve model-v2/3</c>. It is carried out once; to
/// say the same again, something is written behind it, for example the time.</summary>
/// <param name="Text">The whole value.</param>
/// <param name="Verb">What is to be done; null when the value is no command.</param>
/// <param name="To">The backend that the shift is to.</param>
/// <param name="Step">The step that it is at; null when it is for whichever.</param>
/// <param name="Rule">The rule whose shift it is; null when it is for all to that backend.</param>
public sealed record ShiftCommand(string Text, ShiftVerb? Verb, string To, int? Step, string? Rule)
{
    /// <summary>How commands are written, for messages.</summary>
    public const string Form = "approve, pause, resume, abort, promote or restart, and the backend, for example: approve model-v2/3";

    private const string RulePrefix = "rule=";

    /// <summary>Reads an annotation; null when there is none.</summary>
    public static ShiftCommand? Read(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
            return null;
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var target = words.Length > 1 ? words[1].Split('/') : [];
        int? step = target.Length > 1 && int.TryParse(target[1], NumberStyles.None, CultureInfo.InvariantCulture, out var at) ? at : null;
        var isCommand =
            Enum.TryParse<ShiftVerb>(words[0], ignoreCase: true, out var verb)
            && char.IsLetter(words[0][0])
            && (target.Length == 1 || (target.Length == 2 && step is not null));
        var rule = Array.Find(words, word => word.StartsWith(RulePrefix, StringComparison.Ordinal))?[RulePrefix.Length..];
        return new ShiftCommand(text, isCommand ? verb : null, target.Length > 0 ? target[0] : string.Empty, step, rule);
    }

    /// <summary>Whether it is for a shift.</summary>
    public bool IsFor(SplitShift shift)
    {
        ArgumentNullException.ThrowIfNull(shift);
        return Verb is null || (To == shift.Wanted.To && (Rule is null || Rule == shift.Rule));
    }
}
