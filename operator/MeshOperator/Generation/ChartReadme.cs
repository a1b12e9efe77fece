using MeshOperator.Checks;

namespace MeshOperator.Generation;

/// <summary>The chart's <c>README.md</c>, which registries of charts show beside it.</summary>
internal static class ChartReadme
{
    /// <param name="values">The text of the chart's <c>values.yaml</c>.</param>
    public static string Create(string values)
    {
        var page = new Markdown("Chart mesh-operator", "`charts/mesh-operator/values.yaml` and the program");
        page.Paragraph("MeshOperator is a service mesh that ships as a single Kubernetes operator. This chart installs it with its CRDs,")
            .Line("webhooks and roles.");
        page.Heading(2, "Install");
        Block(
            page,
            "sh needs-cluster",
            "helm install mesh-operator charts/mesh-operator --namespace mesh-system --create-namespace -f values.yaml\n"
                + "kubectl rollout status deployment/mesh-operator -n mesh-system\n"
                + "helm test mesh-operator --namespace mesh-system"
        );
        page.Paragraph("Two replicas are the default. `values-ha.yaml` has three, on different nodes and in different zones.")
            .Line("One release can be installed in a cluster: names of its objects are fixed.");
        page.Heading(2, "Upgrade")
            .Paragraph("`helm upgrade` also upgrades the CRDs. Give it your values with `-f`: `--reuse-values` leaves out values that this")
            .Line("version of the chart added. With `crds.keep` (the default) nothing that Helm does deletes a CRD, and with it policies.");
        page.Paragraph(
                "Helm changes no CRD that another release, or an earlier chart in its folder `crds/`, installed. This gives all of them to"
            )
            .Line("the release `mesh-operator` in namespace `mesh-system`; from Helm 3.17 on, `--take-ownership` does it too:");
        Block(page, "sh needs-cluster", CrdOwnership.Command("mesh-operator", "mesh-system"));
        page.Heading(2, "Values")
            .Paragraph("Helm checks them by `values.schema.json`. A value that does not exist, or has the wrong type, is an error.");
        HelmValuesPage.AddTable(page, values);
        return page.ToString();
    }

    private static void Block(Markdown page, string language, string text) => page.Line().Line($"```{language}").Line(text).Line("```");
}
