using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Goldens;

/// <summary>A folder of <c>tests/testdata/translation</c>, or of another suite: <c>in.yaml</c> is what a user applies, <c>out/</c> what
/// becomes of it. Comments at the top of <c>in.yaml</c> say what the case shows, and may choose: <c># show: routes, conditions</c> which
/// files there are (else all that are not empty), <c># only: outbound/80/web.shop</c> which resources are in them and, by <c>inbound/…</c>,
/// which inbound filter chains; and set what <see cref="GoldenSettings"/> has.</summary>
internal sealed class GoldenCase
{
    private const string Translation = "translation";
    private const string UpdateVariable = "MESH_UPDATE_GOLDEN";
    private readonly string _folder;

    public GoldenCase(string name, string suite = Translation)
    {
        Name = name;
        _folder = Path.Combine(Root(suite), name);
        Manifests = File.ReadAllText(Path.Combine(_folder, "in.yaml"));
        Directives = new GoldenDirectives(Manifests);
        Show = Directives.List("show");
        Only = Directives.List("only");
        Settings = GoldenSettings.Read(Directives);
    }

    /// <summary>All cases, in the order of their names.</summary>
    public static IEnumerable<string> Names => FindNames(Translation);

    /// <summary>All cases of a suite, in the order of their names.</summary>
    public static IEnumerable<string> FindNames(string suite) =>
        Directory.GetDirectories(Root(suite)).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal);

    public string Name { get; }

    public string Manifests { get; }

    /// <summary>The outputs to show; empty means all.</summary>
    public IReadOnlyList<string> Show { get; }

    /// <summary>The resources and inbound chains to show; empty means all.</summary>
    public IReadOnlyList<string> Only { get; }

    /// <summary>What the comments at the top say.</summary>
    public GoldenDirectives Directives { get; }

    /// <summary>What is set of the mesh besides the manifests.</summary>
    public GoldenSettings Settings { get; }

    private static string Root(string suite) => Path.Combine(Repository.Root, "tests", "testdata", suite);

    private string Out => Path.Combine(_folder, "out");

    /// <summary>Fails when a file of <c>out/</c> is missing, differs or is left over; or writes them all when that is asked for.</summary>
    /// <param name="files">The content of each file by its name.</param>
    public void Compare(IReadOnlyDictionary<string, string> files)
    {
        if (Environment.GetEnvironmentVariable(UpdateVariable) == "1")
            Write(files);
        Directory.Exists(Out).ShouldBeTrue($"{Name} has no out/. {Advice}");
        var found = Directory.GetFiles(Out).Select(path => Path.GetFileName(path)!).ToHashSet();
        found.Except(files.Keys).ShouldBeEmpty($"{Name}: files of out/ that are not made any more. {Advice}");
        foreach (var (file, content) in files)
        {
            found.ShouldContain(file, $"{Name}: out/{file} is missing. {Advice}");
            var expected = File.ReadAllText(Path.Combine(Out, file));
            if (expected != content)
                Assert.Fail($"{Name}: out/{file} is not what is made now. {Advice}\n{TextDifference.Between(expected, content)}");
        }
    }

    private static string Advice => $"If that is meant to be, run the tests with {UpdateVariable}=1 and read what they wrote.";

    private void Write(IReadOnlyDictionary<string, string> files)
    {
        Directory.CreateDirectory(Out);
        foreach (var path in Directory.GetFiles(Out).Where(path => !files.ContainsKey(Path.GetFileName(path))))
            File.Delete(path);
        foreach (var (file, content) in files)
            File.WriteAllText(Path.Combine(Out, file), content);
    }
}
