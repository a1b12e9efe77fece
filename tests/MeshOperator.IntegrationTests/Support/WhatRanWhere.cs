using System.Collections.Concurrent;
using System.Reflection;
using System.Text;
using MeshOperator.IntegrationTests.Support;
using Xunit;
using Xunit.v3;

[assembly: WhatRanWhere]

namespace MeshOperator.IntegrationTests.Support;

/// <summary>Notes of every test whether it ran and on which API server; the table is printed at the end of the suite.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class WhatRanWhereAttribute : BeforeAfterTestAttribute
{
    private static readonly ConcurrentDictionary<Type, Row> Rows = new();

    /// <summary>The table: a line for each class that had a test in this run.</summary>
    /// <param name="server">Where the classes ran that share the suite's API server.</param>
    public static string Table(string server)
    {
        var table = new StringBuilder("what ran where\n");
        foreach (var (type, row) in Rows.OrderBy(r => r.Key.FullName, StringComparer.Ordinal))
        {
            var shared = type.GetConstructors().SelectMany(c => c.GetParameters()).Any(p => p.ParameterType == typeof(TestCluster));
            table.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"  {type.Name, -28} {row.Ran, 4} ran {row.Skipped, 3} skipped   "
                    + $"{(shared ? server : "an API server of its own in this process")}\n"
            );
        }

        return table.ToString();
    }

    public override void After(MethodInfo methodUnderTest, IXunitTest test)
    {
        var row = Rows.GetOrAdd(methodUnderTest.ReflectedType!, _ => new Row());
        if (TestContext.Current.TestState?.Result == TestResult.Skipped)
            Interlocked.Increment(ref row.Skipped);
        else
            Interlocked.Increment(ref row.Ran);
    }

    private sealed class Row
    {
        public int Ran;
        public int Skipped;
    }
}
