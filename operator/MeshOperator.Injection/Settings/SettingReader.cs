namespace MeshOperator.Injection.Settings;

/// <summary>Reads a value, or says how it is written.</summary>
/// <typeparam name="T">What it becomes.</typeparam>
internal delegate (T Value, string? Advice) SettingValue<T>(string text);

/// <summary>Reads settings from annotations and keeps the first problem.</summary>
internal sealed class SettingReader(IDictionary<string, string>? annotations)
{
    public string? Problem { get; private set; }

    public bool Has(string annotation) => annotations?.ContainsKey(annotation) == true;

    /// <summary>An annotation, or the default where there is none.</summary>
    public T Text<T>(string annotation, string @default, SettingValue<T> read) => Read(annotation, Given(annotation, @default), read);

    /// <summary>As <see cref="Text"/>; null where both are empty.</summary>
    public T? Optional<T>(string annotation, string @default, SettingValue<T> read)
        where T : class? => Given(annotation, @default) is { Length: > 0 } text ? Read(annotation, text, read) : null;

    /// <summary>An annotation that has no option of the operator beside it; null where there is none.</summary>
    public T? Annotation<T>(string annotation, SettingValue<T> read)
        where T : class => Has(annotation) ? Text(annotation, string.Empty, read) : null;

    /// <summary>A list separated by commas, each value once; an empty annotation is an empty list.</summary>
    public IReadOnlyList<T> List<T>(string annotation, string @default, SettingValue<T> read) =>
        [
            .. Given(annotation, @default)
                .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Select(part => Read(annotation, part, read))
                .Distinct(),
        ];

    private string Given(string annotation, string @default) =>
        annotations is not null && annotations.TryGetValue(annotation, out var text) ? text : @default;

    private T Read<T>(string annotation, string text, SettingValue<T> read)
    {
        var (value, advice) = read(text);
        if (advice is not null)
            Problem ??= Has(annotation)
                ? $"metadata.annotations[{annotation}]: '{text}' {advice}"
                : $"the operator's setting for {annotation}: '{text}' {advice}";
        return value;
    }
}
