using System.Collections.Immutable;
using k8s.Models;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Revocations;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary>Which ports of pods get another revision, as callers of bytes have lost a permission there.</summary>
public sealed class RevocationTests
{
    private static readonly WorkloadName Db = new("shop", "db-0");
    private static readonly PolicyKey Policy = new("MtlsPolicy", "shop", "db");
    private static readonly AccessPolicy OnlyWeb = new(
        true,
        [
            new AccessRule
            {
                Callers =
                [
                    [new StringMatch(StringMatchKind.Exact, "spiffe://cluster.local/ns/shop/sa/web")],
                ],
            },
        ],
        [],
        AuditOnly: false
    );

    [Fact]
    public void A_port_whose_callers_lose_a_permission_is_pending_until_its_revision_is_written_down()
    {
        var tracker = new RevocationTracker();
        var found = 0;
        tracker.Found += () => found++;
        tracker.See(Model(null, revision: 0));
        tracker.See(Model(OnlyWeb, revision: 0));

        tracker.Pending.ShouldBe([(Db, new PortRevision(5432, false, 1))]);
        tracker.IsPending(Policy).ShouldBeTrue();
        found.ShouldBe(1);

        tracker.See(Model(OnlyWeb, revision: 1));
        tracker.Pending.ShouldBeEmpty();
        tracker.IsPending(Policy).ShouldBeFalse();
    }

    [Fact]
    public void Wider_rules_the_first_model_and_pods_that_have_gone_are_not_pending()
    {
        var tracker = new RevocationTracker();
        tracker.See(Model(OnlyWeb, revision: 3));
        tracker.See(Model(null, revision: 3));
        tracker.Pending.ShouldBeEmpty();

        tracker.See(Model(OnlyWeb, revision: 3));
        tracker.Pending.ShouldBe([(Db, new PortRevision(5432, false, 4))]);
        tracker.See(MeshModel.Empty);
        tracker.Pending.ShouldBeEmpty();
    }

    [Fact]
    public void Open_requests_end_at_any_change_of_a_policy_that_says_so()
    {
        var tracker = new RevocationTracker();
        tracker.See(Model(OnlyWeb, revision: 0));
        tracker.See(Model(OnlyWeb with { IsRestricted = false, Allow = [], EndsOpenStreams = true }, revision: 0));

        tracker.Pending.ShouldBe([(Db, new PortRevision(5432, true, 1))]);
    }

    [Fact]
    public void What_is_written_down_is_read_back_and_what_cannot_be_read_changes_nothing()
    {
        var known = ImmutableDictionary<ObjectName, ValueList<PortRevision>>.Empty.Add(
            new ObjectName("shop", "db-0"),
            [new PortRevision(0, false, 2), new PortRevision(5432, false, 1), new PortRevision(8080, true, 7)]
        );

        var read = RevocationRecord.Read(Lease(RevocationRecord.Write(known)), known);

        read[new ObjectName("shop", "db-0")].ShouldBeSameAs(known[new ObjectName("shop", "db-0")], "what is the same costs no translation");
        RevocationRecord.Read(Lease("{\"shop/db-0\": {\"x\": 1}}"), known).ShouldBeSameAs(known);
        RevocationRecord.Read(Lease("nonsense"), known).ShouldBeSameAs(known);
        RevocationRecord.Read(null, known).ShouldBeEmpty();
    }

    private static V1Lease Lease(string record) =>
        new() { Metadata = new V1ObjectMeta { Annotations = new Dictionary<string, string> { [RevocationRecord.Annotation] = record } } };

    private static MeshModel Model(AccessPolicy? access, int revision) =>
        MeshModel.Empty with
        {
            Workloads = ImmutableDictionary<WorkloadName, MeshWorkload>.Empty.Add(
                Db,
                new MeshWorkload
                {
                    Name = Db,
                    ServiceAccount = "db",
                    Identity = "spiffe://cluster.local/ns/shop/sa/db",
                    Inbound = new InboundProfile(
                        MtlsMode.Strict,
                        [new InboundPort(5432, PortProtocol.Tcp, MtlsMode.Strict, access) { Revision = revision }],
                        [Policy]
                    ),
                }
            ),
        };
}
