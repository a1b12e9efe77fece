using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests.Shifts;

public sealed class ShiftMachineTests
{
    private static readonly DateTimeOffset Start = new(2026, 12, 1, 8, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Shift_goes_through_its_steps_and_is_completed()
    {
        var scene = new Scene();

        scene.Look().Weight.ShouldBe(0);
        scene.Look().ShouldSatisfyAllConditions(s => s.Phase.ShouldBe(ShiftPhase.Progressing), s => s.Weight.ShouldBe(10));
        scene.Look().NextStepAt.ShouldBe(scene.Now + TimeSpan.FromMinutes(5));
        scene.Look(after: TimeSpan.FromMinutes(4)).Weight.ShouldBe(10);
        scene.Look(after: TimeSpan.FromMinutes(1)).Weight.ShouldBe(50);
        scene.Look();
        scene
            .Look(after: TimeSpan.FromMinutes(5))
            .ShouldSatisfyAllConditions(s => s.Phase.ShouldBe(ShiftPhase.Completed), s => s.Weight.ShouldBe(100));
        scene.Look(after: TimeSpan.FromDays(1)).Weight.ShouldBe(100);
    }

    [Theory]
    [InlineData("promote v2", ShiftPhase.Completed)]
    [InlineData("abort v2", ShiftPhase.RolledBack)]
    public void End_of_a_shift_is_acknowledged_by_all_proxies(string command, ShiftPhase phase)
    {
        var scene = new Scene();
        scene.Look();
        scene.Seen = scene.Seen with { IsProgrammed = false };

        scene.Say(command).ShouldSatisfyAllConditions(s => s.Phase.ShouldBe(phase), s => s.AcknowledgedAt.ShouldBeNull());
        scene.Look(after: TimeSpan.FromHours(1)).AcknowledgedAt.ShouldBeNull();
        scene.Seen = scene.Seen with { IsProgrammed = true };
        scene.Look().AcknowledgedAt.ShouldBe(scene.Now);
        var acknowledged = scene.Now;
        scene.Look(after: TimeSpan.FromDays(1)).AcknowledgedAt.ShouldBe(acknowledged);
    }

    [Fact]
    public void Hold_begins_when_all_proxies_have_acknowledged_the_step()
    {
        var scene = new Scene();
        scene.Look();
        scene.Look();
        scene.Seen = scene.Seen with { IsProgrammed = false, Progress = "1 of 2 proxies have acknowledged the step" };

        scene
            .Look(after: TimeSpan.FromHours(1))
            .ShouldSatisfyAllConditions(
                s => s.Weight.ShouldBe(10),
                s => s.AcknowledgedAt.ShouldBeNull(),
                s => s.Reason.ShouldBe("1 of 2 proxies have acknowledged the step")
            );
        scene.Seen = scene.Seen with { IsProgrammed = true };
        scene.Look().AcknowledgedAt.ShouldBe(scene.Now);
        // A proxy that comes later does not begin the hold anew.
        scene.Seen = scene.Seen with
        {
            IsProgrammed = false,
        };
        scene.Look(after: TimeSpan.FromMinutes(5)).Weight.ShouldBe(50);
    }

    [Theory]
    [InlineData(OnShiftFailure.Rollback, ShiftPhase.RolledBack, 0)]
    [InlineData(OnShiftFailure.Hold, ShiftPhase.Held, 10)]
    public void Check_that_fails_ends_the_shift_as_it_is_wished(OnShiftFailure onFailure, ShiftPhase phase, int weight)
    {
        var scene = new Scene();
        scene.Wanted.OnFailure = onFailure;
        scene.Look();
        scene.Look();
        scene.Seen = scene.Seen with { Verdict = new ShiftVerdict(ShiftOutcome.Fail, "successRate 50.00%") };

        scene
            .Look()
            .ShouldSatisfyAllConditions(
                s => s.Phase.ShouldBe(phase),
                s => s.Weight.ShouldBe(weight),
                s => s.Reason.ShouldBe("successRate 50.00%")
            );
        scene.Seen = scene.Seen with { Verdict = ShiftVerdict.NoChecks };
        scene.Look(after: TimeSpan.FromDays(1)).Weight.ShouldBe(weight);
    }

    [Fact]
    public void Step_for_which_the_target_is_too_small_waits_until_it_is_scaled()
    {
        var scene = new Scene();
        scene.Wanted.Checks = [new ShiftCheck { Capacity = new CapacityCheck() }];
        scene.Seen = scene.Seen with { Endpoints = new ShiftEndpoints(1, 4) };
        scene.Look();
        scene.Look().Weight.ShouldBe(10);
        scene.Look();

        scene
            .Look(after: TimeSpan.FromMinutes(5))
            .ShouldSatisfyAllConditions(
                s => s.Weight.ShouldBe(10),
                s => s.Phase.ShouldBe(ShiftPhase.Progressing),
                s => s.Reason.ShouldStartWith("capacity: v2 has 1 of 2 endpoints that 50% needs (the others have 4); scale v2")
            );
        scene.Seen = scene.Seen with { Endpoints = new ShiftEndpoints(2, 4) };
        scene.Look().Weight.ShouldBe(50);
        scene.Look();
        scene.Look(after: TimeSpan.FromMinutes(5)).Weight.ShouldBe(50);
        scene.Seen = scene.Seen with { Endpoints = new ShiftEndpoints(4, 4) };
        scene.Look().Phase.ShouldBe(ShiftPhase.Completed);
    }

    [Fact]
    public void Inconclusive_checks_hold_the_step_and_fail_after_the_timeout()
    {
        var scene = new Scene();
        scene.Look();
        scene.Look();
        scene.Seen = scene.Seen with { Verdict = new ShiftVerdict(ShiftOutcome.Inconclusive, "12 of 500 requests") };
        scene.Look();

        scene.Look(after: TimeSpan.FromMinutes(34)).Weight.ShouldBe(10);
        scene
            .Look(after: TimeSpan.FromMinutes(1))
            .ShouldSatisfyAllConditions(
                s => s.Phase.ShouldBe(ShiftPhase.RolledBack),
                s => s.Reason.ShouldBe("inconclusive for 30m beyond the hold: 12 of 500 requests")
            );
    }

    [Fact]
    public void Proxy_that_rejects_a_step_stops_the_shift_and_is_named()
    {
        var scene = new Scene();
        scene.Look();
        scene.Look();
        scene.Seen = scene.Seen with { IsProgrammed = false, Rejection = "web-0.shop rejected outbound/80/web.shop: no" };

        scene
            .Look()
            .ShouldSatisfyAllConditions(
                s => s.Phase.ShouldBe(ShiftPhase.Held),
                s => s.Weight.ShouldBe(10),
                s => s.Reason.ShouldBe("web-0.shop rejected outbound/80/web.shop: no")
            );
    }

    [Fact]
    public void Step_waits_for_an_approval_that_names_it_and_acts_once()
    {
        var scene = new Scene();
        scene.Wanted.Steps[0].Approval = ShiftApproval.Required;
        scene.Look();
        scene.Look();
        scene.Look();
        scene.Look(after: TimeSpan.FromMinutes(5)).Phase.ShouldBe(ShiftPhase.AwaitingApproval);

        scene.Say("approve v2/2").Reason.ShouldBe("'approve v2/2' is for step 2, but the shift is at step 1");
        scene.Say("approve v2/1").ShouldSatisfyAllConditions(s => s.Phase.ShouldBe(ShiftPhase.Progressing), s => s.Weight.ShouldBe(50));
        scene.Wanted.Steps[1].Approval = ShiftApproval.Required;
        scene.Look();
        scene.Look(after: TimeSpan.FromMinutes(5)).Phase.ShouldBe(ShiftPhase.AwaitingApproval);
        scene.Look(after: TimeSpan.FromDays(1)).Phase.ShouldBe(ShiftPhase.AwaitingApproval);
    }

    [Fact]
    public void Approval_outside_of_a_window_counts_when_one_opens()
    {
        var scene = new Scene();
        scene.Wanted.Steps[0].Approval = ShiftApproval.Required;
        scene.Look();
        scene.Look();
        scene.Look();
        scene.Look(after: TimeSpan.FromMinutes(5));
        scene.Seen = scene.Seen with { Block = "no window is open" };

        scene.Say("approve v2/1").Weight.ShouldBe(10);
        scene.Seen = scene.Seen with { Block = null };
        scene.Look().Weight.ShouldBe(50);
    }

    [Fact]
    public void Failing_check_takes_back_a_step_that_waits_for_its_approval()
    {
        var scene = new Scene();
        scene.Wanted.Steps[0].Approval = ShiftApproval.Required;
        scene.Look();
        scene.Look();
        scene.Look();
        scene.Look(after: TimeSpan.FromMinutes(5)).Phase.ShouldBe(ShiftPhase.AwaitingApproval);
        scene.Seen = scene.Seen with { Verdict = new ShiftVerdict(ShiftOutcome.Fail, "bad") };

        scene.Look().Phase.ShouldBe(ShiftPhase.RolledBack);
    }

    [Fact]
    public void People_can_pause_resume_abort_promote_and_restart()
    {
        var scene = new Scene();
        scene.Look();
        scene.Look();

        scene.Say("pause v2").Phase.ShouldBe(ShiftPhase.Paused);
        scene.Look(after: TimeSpan.FromDays(1)).Weight.ShouldBe(10);
        scene.Say("resume v2").Phase.ShouldBe(ShiftPhase.Progressing);
        scene.Say("abort v2").ShouldSatisfyAllConditions(s => s.Phase.ShouldBe(ShiftPhase.RolledBack), s => s.Weight.ShouldBe(0));
        scene.Say("resume v2").Reason.ShouldBe("'resume v2' changes nothing: the shift is RolledBack");
        scene.Say("restart v2").Phase.ShouldBe(ShiftPhase.Pending);
        scene.Say("promote v2").ShouldSatisfyAllConditions(s => s.Phase.ShouldBe(ShiftPhase.Completed), s => s.Weight.ShouldBe(100));
        scene.Say("abort v2 at last").Weight.ShouldBe(0);
    }

    [Theory]
    [InlineData("pause v3")]
    [InlineData("pause v2 rule=other")]
    public void Command_for_another_shift_changes_nothing(string command)
    {
        var scene = new Scene();
        scene.Look();
        var before = scene.Look();

        scene
            .Say(command)
            .ShouldBe(before with { AcknowledgedAt = scene.Now, NextStepAt = scene.Now + TimeSpan.FromMinutes(5), Reason = "no checks" });
    }

    [Fact]
    public void What_is_no_command_is_said()
    {
        var scene = new Scene();
        scene.Look();

        scene.Say("aprove v2").Reason.ShouldStartWith("'aprove v2' is no command; write approve, pause, ");
    }

    [Fact]
    public void Command_that_is_there_when_a_shift_begins_is_not_for_it()
    {
        var scene = new Scene();
        scene.Say("promote v2").Weight.ShouldBe(0);
        scene.Look().Weight.ShouldBe(10);
    }

    [Theory]
    [InlineData("revision")]
    [InlineData("to")]
    [InlineData("backends")]
    public void Another_revision_target_or_set_of_backends_begins_anew(string what)
    {
        var scene = new Scene();
        scene.Look();
        scene.Look();
        if (what == "revision")
            scene.Wanted.Revision = "2";
        else if (what == "to")
            scene.Wanted.To = "v1";
        else
            scene.Backends.Add(new TrafficSplitBackend { Service = "v3" });

        scene.Look().ShouldSatisfyAllConditions(s => s.Phase.ShouldBe(ShiftPhase.Pending), s => s.Weight.ShouldBe(0));
    }

    [Fact]
    public void Other_changes_of_the_spec_go_on_from_where_the_shift_is()
    {
        var scene = new Scene();
        scene.Look();
        scene.Look();
        scene.Look();
        scene.Wanted.Steps = [new ShiftStep { Weight = 5, Hold = "1m" }, new ShiftStep { Weight = 20, Hold = "1m" }];

        scene.Look(after: TimeSpan.FromMinutes(1)).Weight.ShouldBe(20);
    }

    [Fact]
    public void Shift_of_a_split_that_is_not_in_effect_stands_still_and_does_not_fail()
    {
        var scene = new Scene();
        scene.Look();
        scene.Look();
        scene.Seen = scene.Seen with
        {
            Standstill = "the split is not in effect",
            TargetProblem = "v2 has no ready endpoints",
            Verdict = new ShiftVerdict(ShiftOutcome.Fail, "bad"),
        };

        scene
            .Look(after: TimeSpan.FromDays(1))
            .ShouldSatisfyAllConditions(
                s => s.Phase.ShouldBe(ShiftPhase.Progressing),
                s => s.Weight.ShouldBe(10),
                s => s.Reason.ShouldBe("the split is not in effect")
            );
    }

    [Fact]
    public void Suspended_and_dry_shifts_move_no_traffic()
    {
        var scene = new Scene();
        scene.Look();
        scene.Look();
        scene.Wanted.Suspend = true;
        scene.Look(after: TimeSpan.FromDays(1)).Weight.ShouldBe(10);
        scene.Wanted.Suspend = null;
        scene.Wanted.DryRun = true;
        scene.Look();

        scene
            .Look(after: TimeSpan.FromMinutes(5))
            .ShouldSatisfyAllConditions(
                s => s.Weight.ShouldBe(10),
                s => s.Reason.ShouldBe("dry run: the next step would begin now; no checks")
            );
        scene.Seen = scene.Seen with { Verdict = new ShiftVerdict(ShiftOutcome.Fail, "bad") };
        scene
            .Look()
            .ShouldSatisfyAllConditions(s => s.Weight.ShouldBe(10), s => s.Reason.ShouldBe("dry run: the shift would fail now: bad"));
    }

    [Fact]
    public void Copies_are_judged_before_the_first_step()
    {
        var scene = new Scene();
        scene.Wanted.MirrorFirst = new ShiftMirror { Percent = 10, Hold = "2m" };
        scene.Look();
        scene.Look().ShouldSatisfyAllConditions(s => s.Phase.ShouldBe(ShiftPhase.Mirroring), s => s.Weight.ShouldBe(0));
        scene.Look();
        scene.Look(after: TimeSpan.FromMinutes(1)).Phase.ShouldBe(ShiftPhase.Mirroring);
        scene
            .Look(after: TimeSpan.FromMinutes(1))
            .ShouldSatisfyAllConditions(s => s.Phase.ShouldBe(ShiftPhase.Progressing), s => s.Weight.ShouldBe(10));
    }

    [Fact]
    public void Copies_that_fail_end_the_shift_before_a_user_sees_the_target()
    {
        var scene = new Scene();
        scene.Wanted.MirrorFirst = new ShiftMirror { Percent = 10 };
        scene.Look();
        scene.Look();
        scene.Seen = scene.Seen with { Verdict = new ShiftVerdict(ShiftOutcome.Fail, "bad") };

        scene.Look().Phase.ShouldBe(ShiftPhase.RolledBack);
    }

    [Fact]
    public void Target_without_endpoints_holds_a_step_that_has_not_begun_and_fails_one_that_has()
    {
        var scene = new Scene();
        scene.Seen = scene.Seen with { TargetProblem = "v2 has no ready endpoints" };
        scene.Look();
        scene
            .Look(after: TimeSpan.FromDays(1))
            .ShouldSatisfyAllConditions(s => s.Phase.ShouldBe(ShiftPhase.Pending), s => s.Reason.ShouldBe("v2 has no ready endpoints"));
        scene.Seen = scene.Seen with { TargetProblem = null };
        scene.Look().Weight.ShouldBe(10);
        scene.Seen = scene.Seen with { TargetProblem = "v2 has no ready endpoints" };
        scene.Look().Phase.ShouldBe(ShiftPhase.RolledBack);
    }

    /// <summary>Whatever happens in whichever order, traffic moves forward only by a step that may begin, and back only to
    /// nothing.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Traffic_moves_only_as_the_table_of_transitions_says(int seed)
    {
        var random = new Random(seed);
        for (var run = 0; run < 250; run++)
        {
            var scene = new Scene();
            scene.Wanted.OnFailure = random.Next(2) == 0 ? OnShiftFailure.Rollback : OnShiftFailure.Hold;
            scene.Wanted.Steps[0].Approval = random.Next(2) == 0 ? ShiftApproval.Required : ShiftApproval.Automatic;
            var before = scene.Look();
            for (var i = 0; i < 60; i++)
            {
                scene.Seen = Scene.Random(random);
                scene.Now += TimeSpan.FromSeconds(random.Next(400));
                var command = random.Next(8) == 0 ? $"{(ShiftVerb)random.Next(6)} v2 {i}" : null;
                var after = command is null ? scene.Look() : scene.Say(command);
                Check(scene, before, after, command);
                before = after;
            }
        }
    }

    private static void Check(Scene scene, ShiftState before, ShiftState after, string? command)
    {
        int[] weights = [0, 10, 50, 100];
        weights.ShouldContain(after.Weight);
        if (after.Weight < before.Weight)
        {
            after.Weight.ShouldBe(0);
            var isAsked =
                command?.StartsWith("Abort", StringComparison.Ordinal) == true
                || command?.StartsWith("Restart", StringComparison.Ordinal) == true;
            (isAsked || scene.Wanted.OnFailure is OnShiftFailure.Rollback).ShouldBeTrue();
        }

        if (after.Weight <= before.Weight || command?.StartsWith("Promote", StringComparison.Ordinal) == true)
            return;
        Array.IndexOf(weights, after.Weight).ShouldBe(Array.IndexOf(weights, before.Weight) + 1);
        scene.Seen.Block.ShouldBeNull();
        scene.Seen.TargetProblem.ShouldBeNull();
        if (before.Phase is ShiftPhase.Pending)
            return;
        before.AcknowledgedAt.ShouldNotBeNull();
        if (before.Phase is ShiftPhase.AwaitingApproval)
            command.ShouldNotBeNull();
        else
            scene.Seen.Verdict.Outcome.ShouldBe(ShiftOutcome.Pass);
    }

    private sealed class Scene
    {
        public GradualShift Wanted { get; } = new() { To = "v2", Steps = [new ShiftStep { Weight = 10 }, new ShiftStep { Weight = 50 }] };

        public List<TrafficSplitBackend> Backends { get; } = [new() { Service = "v1" }, new() { Service = "v2" }];

        public DateTimeOffset Now { get; set; } = Start;

        public ShiftObservation Seen { get; set; } = new() { IsProgrammed = true };

        private ShiftState? State { get; set; }

        public static ShiftObservation Random(Random random) =>
            new()
            {
                IsProgrammed = random.Next(4) > 0,
                Rejection = random.Next(20) == 0 ? "rejected" : null,
                TargetProblem = random.Next(12) == 0 ? "no endpoints" : null,
                Block = random.Next(6) == 0 ? "no window" : null,
                Verdict = new ShiftVerdict((ShiftOutcome)new[] { 0, 0, 0, 0, 2, 1 }[random.Next(6)], "measured"),
            };

        public ShiftState Look(TimeSpan after = default)
        {
            Now += after;
            return State = ShiftMachine.Advance(new SplitShift("backends", Wanted, Backends), State, Seen, Now);
        }

        public ShiftState Say(string command)
        {
            Seen = Seen with { Command = ShiftCommand.Read(command) };
            return Look();
        }
    }
}
