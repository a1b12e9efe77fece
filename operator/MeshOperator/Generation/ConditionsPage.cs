using System.Reflection;
using MeshOperator.Api;
using MeshOperator.Statuses;

namespace MeshOperator.Generation;

/// <summary><c>docs/reference/conditions.md</c>: conditions and their reasons, from the constants that name them.</summary>
internal static class ConditionsPage
{
    public static string Create()
    {
        var docstrings = new Docstrings(typeof(ConditionReasons).Assembly);
        var page = new Markdown("Conditions and reasons", "the constants `ConditionTypes` and `ConditionReasons`");
        page.Paragraph(
            "Every condition has `status`, `reason`, `message` and `observedGeneration`. A condition describes the spec that you applied "
                + "only when its `observedGeneration` equals `metadata.generation`. "
                + "The message names the field or the proxy concerned and says what to do."
        );
        foreach (var type in Constants(typeof(ConditionTypes)))
        {
            var name = (string)type.GetRawConstantValue()!;
            page.Heading(2, name).Paragraph(docstrings.Summary(type));
            page.Table(
                ["Status", "Reason", "Meaning", "What to do"],
                Constants(typeof(ConditionReasons)).SelectMany(reason => Rows(docstrings, reason, name))
            );
        }

        page.Heading(2, "Events")
            .Paragraph(
                "When a condition changes, the operator also publishes an Event on the object, which `kubectl describe` shows. "
                    + "The Event has the condition's reason and message."
            );
        page.Line()
            .Line(
                "- Policies: a Warning when a condition becomes `False`, except for `Pending` and `PartiallyProgrammed`; "
                    + "a Normal Event when `Programmed` becomes `True`."
            )
            .Line(
                "- TrafficSplits with a gradual shift: an Event at each transition, with the reason `Shift` and the phase; "
                    + "a Warning for `ShiftHeld` and `ShiftRolledBack`."
            )
            .Line(
                "- MeshCertificateAuthority: a Warning when `Accepted` or `ClocksAgree` becomes `False`, and one with the reason "
                    + "`ExpiringSoon`; a Normal Event at each step of a rotation."
            )
            .Line(
                $"- Services: a Warning `{ServiceFindings.UnknownAppProtocol}` when a port declares a protocol that the mesh does not "
                    + $"know, and `{ServiceFindings.NoEndpointOnNode}` when there is no endpoint on the node of a caller that may go "
                    + "nowhere else."
            );
        return page.ToString();
    }

    private static IEnumerable<string[]> Rows(Docstrings docstrings, FieldInfo reason, string type)
    {
        foreach (var condition in reason.GetCustomAttributes<ConditionAttribute>().Where(c => c.Type == type))
        {
            var name = Markdown.Code((string)reason.GetRawConstantValue()!);
            yield return [Markdown.Code(condition.Status), name, docstrings.Summary(reason), docstrings.Remarks(reason)];
        }
    }

    private static IEnumerable<FieldInfo> Constants(Type type) => type.GetFields().Where(f => f.IsLiteral).OrderBy(f => f.MetadataToken);
}
