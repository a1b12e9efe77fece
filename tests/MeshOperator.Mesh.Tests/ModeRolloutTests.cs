using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Rollout;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests;

/// <summary>A change of mode, step by step: what servers take must always contain what clients send.</summary>
public sealed class ModeRolloutTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly Progress _progress = new();
    private readonly ModeRollout _rollout;

    public ModeRolloutTests() => _rollout = new ModeRollout(_time);

    private static MeshModel Mesh(MtlsPolicyMode mode, params string[] more) =>
        Cluster
            .Create(["web", "other", .. more])
            .Mtls(
                "p",
                new MtlsPolicySpec
                {
                    Mode = mode,
                    Selector = new PodLabelSelector { MatchLabels = { ["app"] = "web" } },
                }
            )
            .Translate()
            .Model;

    /// <summary>What the server takes, and whether clients send mutual TLS.</summary>
    private (MtlsMode Server, bool ClientsUseMtls) Serve(MtlsPolicyMode wanted)
    {
        var model = _rollout.Apply(Mesh(wanted), _progress);
        model.Services[new ServiceName("shop", "other")].Ports[0].Endpoints[0].Identity.ShouldNotBeNull();
        return (
            model.Workloads[new WorkloadName("shop", "web-0")].Inbound.GetMode(8080),
            model.Services[new ServiceName("shop", "web")].Ports[0].Endpoints[0].Identity is not null
        );
    }

    /// <summary>Has the leader go on, and this replica read what it has written down.</summary>
    private void Lead(ModeRollout leader, MtlsPolicyMode wanted, Progress leading)
    {
        leader.Apply(Mesh(wanted), leading);
        _rollout.Followed = leader.Record();
    }

    [Theory]
    [InlineData(MtlsPolicyMode.Disabled, MtlsPolicyMode.Strict)]
    [InlineData(MtlsPolicyMode.Disabled, MtlsPolicyMode.Permissive)]
    [InlineData(MtlsPolicyMode.Strict, MtlsPolicyMode.Disabled)]
    [InlineData(MtlsPolicyMode.Permissive, MtlsPolicyMode.Disabled)]
    public void The_server_takes_both_before_the_clients_follow_and_refuses_only_when_they_have(MtlsPolicyMode from, MtlsPolicyMode to)
    {
        var before = Serve(from);
        _progress.Server = _progress.Clients = false;
        Serve(to).ShouldBe((MtlsMode.Permissive, before.ClientsUseMtls));
        Serve(to).ShouldBe((MtlsMode.Permissive, before.ClientsUseMtls));
        _rollout.CanAdvance(_progress).ShouldBeFalse();

        _progress.Server = true;
        _rollout.CanAdvance(_progress).ShouldBeTrue();
        Serve(to).ShouldBe((MtlsMode.Permissive, to != MtlsPolicyMode.Disabled));
        _rollout.CanAdvance(_progress).ShouldBeFalse();
        _progress.Asked.ShouldBe([new BackendTarget(new ServiceName("shop", "web"), 80)]);

        _progress.Clients = true;
        Serve(to)
            .ShouldBe(
                (
                    to is MtlsPolicyMode.Strict ? MtlsMode.Strict
                    : to is MtlsPolicyMode.Disabled ? MtlsMode.Disabled
                    : MtlsMode.Permissive,
                    to != MtlsPolicyMode.Disabled
                )
            );
        _rollout.Pending.ShouldBeEmpty();
    }

    [Fact]
    public void Between_strict_and_permissive_there_are_no_steps()
    {
        _progress.Server = _progress.Clients = false;
        Serve(MtlsPolicyMode.Permissive);
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Strict, true));
        _rollout.Pending.ShouldBeEmpty();
    }

    [Fact]
    public void A_change_that_is_taken_back_before_clients_followed_is_over_at_once()
    {
        Serve(MtlsPolicyMode.Disabled);
        _progress.Server = false;
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, false));
        Serve(MtlsPolicyMode.Disabled).ShouldBe((MtlsMode.Disabled, false));
        _rollout.Pending.ShouldBeEmpty();
    }

    [Fact]
    public void A_change_that_is_taken_back_when_clients_have_begun_to_follow_waits_for_them()
    {
        Serve(MtlsPolicyMode.Disabled);
        Serve(MtlsPolicyMode.Strict);
        _progress.Clients = false;
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, true));
        Serve(MtlsPolicyMode.Disabled).ShouldBe((MtlsMode.Permissive, false));
        _progress.Clients = true;
        Serve(MtlsPolicyMode.Disabled).ShouldBe((MtlsMode.Disabled, false));
    }

    [Fact]
    public void Proxies_that_do_not_answer_hold_a_step_up_but_not_for_ever()
    {
        Serve(MtlsPolicyMode.Disabled);
        _progress.Server = _progress.Clients = false;
        Serve(MtlsPolicyMode.Strict);
        _time.Advance(ModeRollout.LongestStep + TimeSpan.FromSeconds(1));
        _rollout.CanAdvance(_progress).ShouldBeTrue();
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, true));
        _time.Advance(ModeRollout.LongestStep + TimeSpan.FromSeconds(1));
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Strict, true));
    }

    [Fact]
    public void The_policy_is_not_in_effect_while_its_change_is_in_progress()
    {
        _rollout.Apply(Mesh(MtlsPolicyMode.Disabled), _progress);
        var web = new WorkloadName("shop", "web-0");
        _rollout.Apply(Mesh(MtlsPolicyMode.Strict), _progress).Workloads[web].Inbound.Policies.ShouldBeEmpty();
        _rollout.Apply(Mesh(MtlsPolicyMode.Strict), _progress);
        _rollout.Apply(Mesh(MtlsPolicyMode.Strict), _progress).Workloads[web].Inbound.Policies.ShouldHaveSingleItem();
    }

    [Fact]
    public void A_replica_that_follows_takes_no_step_before_the_leader_whatever_its_own_proxies_have()
    {
        var leader = new ModeRollout(_time);
        var leading = new Progress();
        Lead(leader, MtlsPolicyMode.Disabled, leading);
        Serve(MtlsPolicyMode.Disabled);
        (leading.Server, leading.Clients) = (false, false);

        // It sees the policy before the leader does: the server opens, and nothing more.
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, false));
        Lead(leader, MtlsPolicyMode.Strict, leading);
        _rollout.CanAdvance(_progress).ShouldBeFalse();
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, false));

        leading.Server = true;
        Lead(leader, MtlsPolicyMode.Strict, leading);
        _rollout.CanAdvance(_progress).ShouldBeTrue();
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, true));
        _rollout.CanAdvance(_progress).ShouldBeFalse();

        leading.Clients = true;
        Lead(leader, MtlsPolicyMode.Strict, leading);
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Strict, true));
        _rollout.Pending.ShouldBeEmpty();
    }

    [Fact]
    public void A_change_that_is_taken_back_is_over_for_a_follower_when_the_leader_says_so()
    {
        var leader = new ModeRollout(_time);
        var leading = new Progress();
        Lead(leader, MtlsPolicyMode.Disabled, leading);
        Serve(MtlsPolicyMode.Disabled);
        leader.Apply(Mesh(MtlsPolicyMode.Strict), leading);
        leading.Clients = false;
        leader.Apply(Mesh(MtlsPolicyMode.Strict), leading);
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, false));

        // The leader's clients have moved, and this replica has not heard of it yet: its server must not close.
        Serve(MtlsPolicyMode.Disabled).ShouldBe((MtlsMode.Permissive, false));
        Lead(leader, MtlsPolicyMode.Disabled, leading);
        Serve(MtlsPolicyMode.Disabled).Server.ShouldBe(MtlsMode.Permissive);
        leading.Clients = true;
        Lead(leader, MtlsPolicyMode.Disabled, leading);
        Serve(MtlsPolicyMode.Disabled).ShouldBe((MtlsMode.Disabled, false));
    }

    [Fact]
    public void A_follower_that_hears_of_a_change_when_the_leader_has_ended_it_does_not_wait()
    {
        var leader = new ModeRollout(_time);
        leader.Apply(Mesh(MtlsPolicyMode.Disabled), new Progress());
        _rollout.Followed = leader.Record();
        Serve(MtlsPolicyMode.Disabled);

        // It was stopped meanwhile, and the policy comes after what the leader wrote down.
        foreach (var _ in Enumerable.Range(0, 3))
            leader.Apply(Mesh(MtlsPolicyMode.Strict), new Progress());
        leader.Pending.ShouldBeEmpty();
        _rollout.Followed = leader.Record();
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, false));
        _rollout.CanAdvance(_progress).ShouldBeTrue();
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, true));
        _rollout.CanAdvance(_progress).ShouldBeTrue();
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Strict, true));
        _rollout.Pending.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_follower_that_missed_the_mode_from_which_the_leader_leads_takes_part_in_the_change(bool policyComesFirst)
    {
        var leader = new ModeRollout(_time);
        var leading = new Progress();
        Lead(leader, MtlsPolicyMode.Permissive, leading);
        Serve(MtlsPolicyMode.Permissive);
        foreach (var _ in Enumerable.Range(0, 3))
            leader.Apply(Mesh(MtlsPolicyMode.Disabled), leading);
        leader.Pending.ShouldBeEmpty();
        leading.Server = false;
        leader.Apply(Mesh(MtlsPolicyMode.Strict), leading);

        // It was stopped while all went to plaintext: by its policies nothing needs steps.
        if (policyComesFirst)
            Serve(MtlsPolicyMode.Strict);
        _rollout.Followed = leader.Record();
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, false));
        _rollout.Find(new WorkloadName("shop", "web-0")).ShouldBe(leader.Find(new WorkloadName("shop", "web-0")));
        _rollout.CanAdvance(_progress).ShouldBeFalse();

        (leading.Server, leading.Clients) = (true, false);
        Lead(leader, MtlsPolicyMode.Strict, leading);
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, true));
        leading.Clients = true;
        Lead(leader, MtlsPolicyMode.Strict, leading);
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Strict, true));
        _rollout.Pending.ShouldBeEmpty();
    }

    [Fact]
    public void A_change_that_is_taken_back_before_the_leader_hears_of_it_is_not_over_by_what_was_written_down_before()
    {
        // The most of them have mutual TLS, so that the record names the other one.
        static MeshModel Three(MtlsPolicyMode mode) => Mesh(mode, "third");
        var leader = new ModeRollout(_time);
        leader.Apply(Three(MtlsPolicyMode.Disabled), new Progress());
        var web = new WorkloadName("shop", "web-0");
        _rollout.Followed = leader.Record();
        _rollout.Followed.Workloads.ShouldContainKey(web);
        _rollout.Apply(Three(MtlsPolicyMode.Disabled), _progress);
        _rollout.Apply(Three(MtlsPolicyMode.Strict), _progress);

        // The leader may have led clients on, which is not read yet here.
        _rollout.Apply(Three(MtlsPolicyMode.Disabled), _progress).Workloads[web].Inbound.GetMode(8080).ShouldBe(MtlsMode.Permissive);
        _rollout.CanAdvance(_progress).ShouldBeFalse();
        _time.Advance(TimeSpan.FromMinutes(1));
        _rollout.Apply(Three(MtlsPolicyMode.Disabled), _progress).Workloads[web].Inbound.GetMode(8080).ShouldBe(MtlsMode.Disabled);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_replica_that_starts_amid_a_change_goes_on_from_what_is_written_down(bool clientsMove)
    {
        var gone = new ModeRollout(_time);
        var going = new Progress { Server = clientsMove, Clients = false };
        gone.Apply(Mesh(MtlsPolicyMode.Disabled), going);
        gone.Apply(Mesh(MtlsPolicyMode.Strict), going);
        gone.Apply(Mesh(MtlsPolicyMode.Strict), going);
        (_progress.Server, _progress.Clients) = (false, false);

        _rollout.Restore(gone.Record(), Mesh(MtlsPolicyMode.Strict));
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, clientsMove));
        (_progress.Server, _progress.Clients) = (true, true);
        if (!clientsMove)
            Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, true));
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Strict, true));
    }

    [Fact]
    public void A_policy_that_changed_while_no_replica_ran_is_carried_out_in_steps()
    {
        var gone = new ModeRollout(_time);
        gone.Apply(Mesh(MtlsPolicyMode.Disabled), new Progress());
        _progress.Server = false;

        _rollout.Restore(gone.Record(), Mesh(MtlsPolicyMode.Strict));
        Serve(MtlsPolicyMode.Strict).ShouldBe((MtlsMode.Permissive, false));
    }

    [Theory]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("5432,8080")]
    [InlineData("*,-8080")]
    public void Ports_without_mutual_TLS_are_read_as_they_were_written(string ports) =>
        PlaintextPorts.Write(PlaintextPorts.Read(ports).ShouldNotBeNull()).ShouldBe(ports);

    [Theory]
    [InlineData("-8080")]
    [InlineData("*,8080")]
    [InlineData("many")]
    public void A_text_of_something_else_is_not_read(string ports) => PlaintextPorts.Read(ports).ShouldBeNull();

    private sealed class Progress : IRolloutProgress
    {
        public bool Server { get; set; } = true;

        public bool Clients { get; set; } = true;

        public IReadOnlyCollection<BackendTarget> Asked { get; private set; } = [];

        public bool HasServer(WorkloadName workload) => Server;

        public bool HaveClients(IReadOnlyCollection<BackendTarget> ports)
        {
            Asked = ports;
            return Clients;
        }
    }
}
