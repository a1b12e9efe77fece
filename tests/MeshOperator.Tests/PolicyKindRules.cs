using System.Collections;
using System.Reflection;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Crds;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary>A kind of policy is declared once, and complete.</summary>
public sealed class PolicyKindRules
{
    public static TheoryData<string> Kinds => [.. PolicyKinds.All.Select(kind => kind.Name)];

    [Fact]
    public void Every_policy_type_is_in_the_table()
    {
        var types = typeof(PolicyKinds)
            .Assembly.GetTypes()
            .Where(type => type.BaseType is { IsGenericType: true } parent && parent.GetGenericTypeDefinition() == typeof(MeshPolicy<,>));
        PolicyKinds.All.Select(kind => kind.Entity).ShouldBe(types, ignoreOrder: true);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_kind_has_its_folder_a_printer_column_for_each_condition_and_golden_cases(string kind)
    {
        Directory
            .EnumerateFiles(Path.Combine(Repository.Root, "operator", "MeshOperator.Api", "Policies", kind))
            .ShouldContain(file => file.EndsWith($"{kind}Validator.cs", StringComparison.Ordinal));
        var entity = PolicyKinds.All.Single(known => known.Name == kind).Entity;
        new[] { "Accepted", "Programmed", "Proxies", "Resolved", "Age" }.ShouldBeSubsetOf(
            CustomResourceDefinition.FindColumns(entity).Select(column => column.Name)
        );
        entity.GetCustomAttribute<KubernetesEntityCategoriesAttribute>()!.Categories.ShouldBe(["meshpolicies", "mesh"]);
        Directory
            .EnumerateFiles(Path.Combine(Repository.Root, "tests", "testdata", "translation"), "in.yaml", SearchOption.AllDirectories)
            .ShouldContain(
                file => File.ReadAllText(file).Contains($"kind: {kind}\n", StringComparison.Ordinal),
                $"no golden case has a {kind}"
            );
    }

    public static TheoryData<Type> Specs =>
        [.. PolicyKinds.All.Select(kind => kind.Entity.GetProperty("Spec")!.PropertyType), typeof(MeshCertificateAuthoritySpec)];

    [Theory]
    [MemberData(nameof(Specs))]
    public void What_the_schema_says_of_defaults_is_what_a_new_object_has(Type spec)
    {
        var defaults = Reachable(spec, [])
            .SelectMany(type => type.GetProperties().Select(property => (Type: type, Property: property)))
            .Select(p => (p.Type, p.Property, p.Property.GetCustomAttribute<DefaultValueAttribute>()?.Value))
            .Where(p => p.Value is not null);
        foreach (var (type, property, value) in defaults)
            property.GetValue(Activator.CreateInstance(type)).ShouldBe(value, $"{type.Name}.{property.Name}");
    }

    /// <summary>A type and all types of ours that its properties lead to.</summary>
    private static HashSet<Type> Reachable(Type type, HashSet<Type> found)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsGenericType && typeof(IEnumerable).IsAssignableFrom(type))
        {
            foreach (var argument in type.GetGenericArguments())
                Reachable(argument, found);
        }
        else if (type is { IsClass: true, Namespace: "MeshOperator.Api.Policies" or "MeshOperator.Api.Authorities" } && found.Add(type))
        {
            foreach (var property in type.GetProperties())
                Reachable(property.PropertyType, found);
        }

        return found;
    }
}
