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

    private static MeshModel Mesh(MtlsPolicyMode mode) =>
        Cluster
            .Of("web", "other")
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
            model.Workloads[new WorkloadName("shop", "web-0")].Inbound.ModeOf(8080),
            model.Services[new ServiceName("shop", "web")].Ports[0].Endpoints[0].Identity is not null
        );
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
