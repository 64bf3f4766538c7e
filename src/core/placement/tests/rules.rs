//! The rules of contract.md 10.3, one by one.

use serde_json::json;

use super::*;
use crate::contract::finalizers;

#[track_caller]
fn check(work: WorkSeen, destinations: &[DestinationSeen], expect: &[&str], says: &str) {
    let mut scene = Scene::new(work, destinations);
    scene.settle();
    assert_eq!(scene.places(), expect);
    assert_eq!(scene.work_says("Ready"), says);
}

#[test]
fn a_request_has_one_place_for_each_group_and_a_promise_all_that_match() {
    let two = [env("a", "dev"), env("b", "dev"), env("c", "prod")];
    let ready = "+AllWorkplacementsScheduled";
    check(dependency(&[group("g", "dev")]), &two, &["g@a", "g@b"], ready);
    check(dependency(&[group("g", "")]), &two, &["g@a", "g@b", "g@c"], ready);
    check(work(&[group("g", "prod")]), &two, &["g@c"], ready);
    check(work(&[group("g", "prod"), group("h", "")]), &two, &["g@c", "h@a"], ready);
    check(work(&[]), &two, &[], ready);
}

#[test]
fn a_group_without_destination_holds_back_no_other() {
    let one = [env("a", "dev")];
    let groups = [group("g", "dev"), group("h", "prod")];
    check(work(&groups), &one, &["g@a"], "-UnscheduledWorkloads");
    check(dependency(&groups), &one, &["g@a"], "-UnscheduledWorkloads");
    let mut scene = Scene::new(work(&groups), &one);
    let plans = scene.settle();
    assert_eq!(
        (&scene.work.status["workPlacements"], &scene.work.status["workPlacementsCreated"]),
        (&json!(2), &json!(1))
    );
    let told: Vec<_> =
        plans.iter().flat_map(|plan| &plan.events).map(|one| one.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "workplacement reconciled: redis-r1-main-1a2b3.a-g, operation: created",
            "waiting for a destination with labels for workloadGroup: h",
            "waiting for destination for workload group: [h]",
        ]
    );
    // One comes.
    scene.destinations.push(env("b", "prod"));
    scene.settle();
    assert_eq!(scene.places(), ["g@a", "h@b"]);
    assert_eq!(scene.work_says("Ready"), "+AllWorkplacementsScheduled");
}

#[test]
fn a_group_that_cannot_be_placed_holds_back_no_other() {
    let one = [env("a", "dev")];
    let mut scene = Scene::new(work(&[group("../x", "dev"), group("h", "dev")]), &one);
    scene.settle();
    assert_eq!(scene.places(), ["h@a"]);
    assert_eq!(scene.work_says("ScheduleSucceeded"), "-FailedToScheduleWorkloads");
    let said = scene.work.status["conditions"][0]["message"].as_str().unwrap();
    assert!(
        said.starts_with("Failed to schedule or update for workloadGroups: [../x]: "),
        "{said}"
    );
}

#[test]
fn dry_runs_and_real_ones_never_meet() {
    let dry = destination("dry", &[(labels::DRY_RUN, "true"), ("env", "dev")], json!({}));
    let all = [dry, env("a", "dev")];
    check(dependency(&[group("g", "dev")]), &all, &["g@a"], "+AllWorkplacementsScheduled");
    let mut run = dependency(&[group("g", "prod")]);
    run.labels.insert(labels::DRY_RUN.into(), "true".into());
    check(run, &all, &["g@dry"], "+AllWorkplacementsScheduled");
}

#[test]
fn a_strict_destination_takes_nothing_without_selectors() {
    let strict = |name, own: &[_]| destination(name, own, json!({"strictMatchLabels": true}));
    let all = [strict("a", &[("env", "dev")]), strict("b", &[])];
    check(dependency(&[group("g", "")]), &all, &["g@b"], "+AllWorkplacementsScheduled");
    check(dependency(&[group("g", "dev")]), &all, &["g@a"], "+AllWorkplacementsScheduled");
}

#[test]
fn what_is_misplaced_is_not_moved_but_updated_and_heals() {
    for is_request in [true, false] {
        let groups = [group("g", "dev")];
        let make = if is_request { work } else { dependency };
        let mut scene = Scene::new(make(&groups), &[env("a", "dev")]);
        scene.settle();
        scene.destinations = vec![env("a", "prod"), env("b", "prod")];
        let plans = scene.settle();
        assert_eq!(scene.places(), ["g@a!"]);
        assert_eq!(plans.len(), 1, "one pass says it all: {plans:#?}");
        assert_eq!(plans[0].placement_events.len(), 1);
        assert_eq!(scene.work_says("Ready"), "-Misplaced");
        assert_eq!(scene.work_says("ScheduleSucceeded"), "-DestinationSelectorMismatch");
        assert_eq!(says(&scene.placements[0].status, "Ready"), "-Misplaced");
        // The Work changes: it is updated where it is.
        scene.work.generation += 1;
        scene.settle();
        assert_eq!(scene.places(), ["g@a!"]);
        assert_eq!(scene.placements[0].work_generation, 2);
        assert!(scene.placements[0].is_written());
        assert_eq!(scene.work_says("Ready"), "-Misplaced");
        // It matches again, without any change of the Work.
        scene.destinations = vec![env("a", "dev")];
        let plans = scene.settle();
        assert_eq!(plans.len(), 1);
        assert!(plans[0].updates.is_empty(), "a label is enough");
        assert_eq!(scene.places(), ["g@a"]);
        assert_eq!(
            says(&scene.placements[0].status, "Ready"),
            "+WorkloadsWrittenToTargetDestination"
        );
        assert_eq!(scene.work_says("Ready"), "+AllWorkplacementsScheduled");
    }
}

#[test]
fn a_destination_that_goes_gets_nothing_new_and_a_gone_one_leaves_its_placements() {
    let mut going = env("a", "dev");
    going.is_going = true;
    check(work(&[group("g", "dev")]), &[going.clone()], &[], "-UnscheduledWorkloads");
    let mut scene = Scene::new(work(&[group("g", "dev")]), &[env("a", "dev")]);
    scene.settle();
    scene.destinations = vec![going, env("b", "dev")];
    scene.settle();
    assert_eq!(scene.places(), ["g@a!"], "not moved");
    scene.destinations.remove(0);
    assert!(scene.plan().is_empty(), "nor when it is gone");
    // Whoever wants it elsewhere deletes it.
    scene.placements.clear();
    scene.settle();
    assert_eq!(scene.places(), ["g@b"]);
}

#[test]
fn groups_come_go_and_are_replaced() {
    let mut scene = Scene::new(work(&[group("g", "dev")]), &[env("a", "dev")]);
    scene.settle();
    let next = |scene: &mut Scene, groups: &[Value]| {
        let generation = scene.work.generation + 1;
        let status = scene.work.status.clone();
        scene.work = WorkSeen { generation, status, ..work(groups) };
        scene.settle();
        scene.places()
    };
    assert_eq!(next(&mut scene, &[group("g", "dev"), group("h", "dev")]), ["g@a", "h@a"]);
    assert_eq!(next(&mut scene, &[group("h", "dev"), group("i", "dev")]), ["h@a", "i@a"]);
    assert_eq!(next(&mut scene, &[]), [""; 0]);
    assert_eq!(scene.work_says("Ready"), "+AllWorkplacementsScheduled");
}

#[test]
fn a_deleted_placement_is_made_again_once_it_is_gone() {
    let mut scene = Scene::new(work(&[group("g", "dev")]), &[env("a", "dev")]);
    scene.settle();
    scene.placements[0].is_going = true;
    let plan = scene.plan();
    assert!(plan.creates.is_empty(), "its name is not free yet");
    scene.carry_out(&plan);
    assert_eq!(scene.work_says("Ready"), "-WorkplacementsPending");
    assert!(scene.plan().is_empty(), "there is nothing to do but to wait");
    scene.placements.clear();
    scene.settle();
    assert_eq!(scene.places(), ["g@a"]);
}

#[test]
fn a_work_that_goes_takes_its_placements_along_and_does_not_wait_for_them() {
    let mut scene = Scene::new(work(&[group("g", ""), group("h", "")]), &[env("a", "dev")]);
    scene.settle();
    scene.work.is_going = true;
    scene.work.finalizers.push("other".into());
    let plan = scene.plan();
    assert_eq!(plan.deletes.len(), 2);
    assert_eq!(plan.finalizers.as_deref(), Some(&["other".to_owned()][..]));
    assert!(plan.status.is_none() && plan.creates.is_empty() && plan.updates.is_empty());
    scene.carry_out(&plan);
    assert!(scene.plan().is_empty());
}

#[test]
fn a_work_is_ready_only_when_all_is_written_as_it_is_now() {
    let mut scene = Scene::new(work(&[group("g", ""), group("h", "")]), &[env("a", "dev")]);
    scene.work.finalizers.clear();
    let plan = scene.plan();
    assert_eq!(plan.finalizers.as_deref(), Some(&[finalizers::WORK_CLEANUP.to_owned()][..]));
    scene.carry_out(&plan);
    assert_eq!(scene.work_says("ScheduleSucceeded"), "+AllWorkplacementsScheduled");
    assert_eq!(scene.work_says("Ready"), "-WorkplacementsPending");
    let mut first = scene.placements[0].clone();
    scene.write_all();
    scene.placements[0] = first.clone();
    assert!(scene.plan().is_empty(), "one is left");
    // A failure, told once.
    let failed = Outcome::Failed { error: "no route to host" };
    first.status = after_write(&first, failed, now()).unwrap().0;
    scene.placements[0] = first.clone();
    scene.carry_out(&scene.plan());
    assert_eq!(scene.work_says("Ready"), "-WorkplacementsFailing");
    assert_eq!(after_write(&first, failed, now()), None);
    assert!(scene.plan().is_empty(), "no back and forth while it fails");
    scene.write_all();
    scene.carry_out(&scene.plan());
    assert_eq!(scene.work_says("Ready"), "+AllWorkplacementsScheduled");
    // The next run of the pipeline.
    scene.work.generation = 2;
    let plan = scene.plan();
    assert_eq!((plan.updates.len(), plan.statuses.len()), (2, 0), "Ready of a placement stays");
    scene.carry_out(&plan);
    assert_eq!(scene.work_says("Ready"), "-WorkplacementsPending");
    assert!(scene.plan().is_empty());
    scene.settle();
    scene.write_all();
    scene.settle();
    assert_eq!(scene.work_says("Ready"), "+AllWorkplacementsScheduled");
}

#[test]
fn what_others_put_on_a_placement_stays_and_what_they_take_comes_back() {
    let mut scene = Scene::new(work(&[group("g", "dev")]), &[env("a", "dev")]);
    scene.work.annotations.insert("team".into(), "x".into());
    scene.work.annotations.insert(labels::TRACE_PARENT.into(), "new".into());
    scene.work.annotations.insert(labels::FOLDER.into(), "resources/other".into());
    scene.settle();
    assert!(!scene.placements[0].annotations.contains_key(labels::FOLDER));
    let one = &mut scene.placements[0];
    one.labels.insert("mine".into(), "1".into());
    one.annotations.insert(labels::TRACE_PARENT.into(), "old".into());
    assert!(scene.plan().is_empty(), "labels of others, and a trace, are no difference");
    let one = &mut scene.placements[0];
    one.labels.remove(labels::WORK);
    one.annotations.remove("team");
    let plan = scene.plan();
    assert_eq!((plan.relabels.len(), plan.updates.len()), (1, 0));
    scene.carry_out(&plan);
    assert!(scene.plan().is_empty());
    for spoil in [
        |one: &mut PlacementSeen| one.digest = "other".into(),
        |one: &mut PlacementSeen| one.owner = "another work".into(),
        |one: &mut PlacementSeen| one.finalizers.clear(),
    ] {
        spoil(&mut scene.placements[0]);
        assert_eq!(scene.plan().updates.len(), 1);
        scene.settle();
    }
}

#[test]
fn two_groups_with_one_short_id_have_two_names_and_two_folders() {
    let groups = [group("12345a", ""), group("12345b", "")];
    let mut scene = Scene::new(work(&groups), &[env("a", "dev")]);
    scene.settle();
    assert_eq!(scene.places(), ["12345a@a", "12345b@a"]);
    let folders: Vec<_> =
        scene.placements.iter().map(|one| one.placed().folder().unwrap().to_string()).collect();
    assert_ne!(folders[0], folders[1]);
    assert_eq!(folders[0], "resources/default/redis/r1/main/12345");
    // A name that another Work has taken.
    let mut scene = Scene::new(work(&groups[..1]), &[env("a", "dev")]);
    scene.taken = vec!["redis-r1-main-1a2b3.a-12345".into()];
    scene.settle();
    assert!(scene.placements[0].name.starts_with("redis-r1-main-1a2b3.a-"));
    assert!(!scene.taken.contains(&scene.placements[0].name));
}

#[test]
fn what_the_cluster_does_not_take_is_told_and_holds_back_no_other_group() {
    let mut scene = Scene::new(work(&[group("g", "dev"), group("h", "dev")]), &[env("a", "dev")]);
    scene.refused = vec![("g".into(), "too large".into())];
    scene.settle();
    assert_eq!(scene.places(), ["h@a"]);
    assert_eq!(scene.work_says("Ready"), "-FailedToScheduleWorkloads");
    assert!(scene.work.status["conditions"].to_string().contains("[g]: too large"));
    scene.refused.clear();
    scene.settle();
    assert_eq!(scene.places(), ["g@a", "h@a"]);
}
