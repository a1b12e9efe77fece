using System.Globalization;

namespace MeshOperator.Statuses;

/// <summary>An age in a message, in steps that become longer. With each second of it the status would be written again.</summary>
internal static class CoarseAge
{
    private static readonly (TimeSpan Age, string Text)[] Steps =
    [
        (TimeSpan.FromSeconds(1), "1s"),
        (TimeSpan.FromSeconds(2), "2s"),
        (TimeSpan.FromSeconds(5), "5s"),
        (TimeSpan.FromSeconds(10), "10s"),
        (TimeSpan.FromSeconds(20), "20s"),
        (TimeSpan.FromSeconds(30), "30s"),
        (TimeSpan.FromMinutes(1), "1m"),
        (TimeSpan.FromMinutes(2), "2m"),
        (TimeSpan.FromMinutes(5), "5m"),
        (TimeSpan.FromMinutes(10), "10m"),
        (TimeSpan.FromMinutes(30), "30m"),
        (TimeSpan.FromHours(1), "1h"),
        (TimeSpan.FromHours(3), "3h"),
        (TimeSpan.FromHours(6), "6h"),
        (TimeSpan.FromHours(12), "12h"),
    ];

    /// <summary>The age as the last step that it has reached, for example <c>10s</c> for 12 seconds; from a day on, in days.</summary>
    public static string Text(TimeSpan age) =>
        age.TotalDays >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)age.TotalDays}d")
            : Steps.LastOrDefault(step => step.Age <= age, Steps[0]).Text;

    /// <summary>How long it is until the text is another one.</summary>
    public static TimeSpan UntilNext(TimeSpan age) =>
        age >= Steps[^1].Age
            ? TimeSpan.FromDays(Math.Floor(age.TotalDays) + 1) - age
            : Steps.First(step => step.Age > age && step.Text != Text(age)).Age - age;
}
