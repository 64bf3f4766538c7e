//! Folders: those of the contract, and no two the same.

use super::*;

fn placed<'a>(name: &'a str, namespace: &'a str, resource: &'a str) -> Placed<'a> {
    Placed {
        name,
        namespace: "platform",
        request_namespace: namespace,
        promise: "redis",
        resource,
        pipeline: "main",
        group: "5058f1af8388633f609cadb75a75dc9d",
        folder: None,
    }
}

#[test]
fn folders_are_those_of_the_contract() {
    let folder = |placed: Placed<'_>| placed.folder().unwrap().to_string();
    let request = Placed { namespace: "default", ..placed("w", "default", "r1") };
    assert_eq!(folder(request), "resources/default/redis/r1/main/5058f");
    assert_eq!(folder(placed("w", "a", "")), "dependencies/redis/main/5058f");
    let fixed = Placed { pipeline: "", ..placed("w", "a", "") };
    assert_eq!(folder(fixed), "dependencies/redis/5058f");
    assert_eq!(folder(Placed { group: "abc", ..fixed }), "dependencies/redis/abc");
}

#[test]
fn a_name_that_is_no_folder_is_an_error_and_never_another_folder() {
    let long = "x".repeat(256);
    for bad in ["..", ".", "a/b", "/", "a\\b", ".git", "a\nb", "", &long] {
        let base = placed("w", "a", "r1");
        for (what, one) in [
            ("Promise", Placed { promise: bad, ..base }),
            ("namespace", Placed { namespace: bad, ..base }),
            ("Pipeline", Placed { pipeline: bad, ..base }),
            ("request", Placed { resource: bad, ..base }),
        ] {
            // No Pipeline and no request are something else.
            if !(bad.is_empty() && matches!(what, "Pipeline" | "request")) {
                let error = one.folder().unwrap_err();
                assert!(!error.hint().is_empty());
                assert!(error.to_string().contains(what), "{what} {bad}: {error}");
            }
        }
    }
    for bad in ["..", "../..", "a/b/c", ""] {
        assert!(Placed { group: bad, ..placed("w", "a", "r1") }.folder().is_err(), "{bad}");
    }
    let long = "x".repeat(254);
    let deep =
        Placed { promise: &long, pipeline: &long, namespace: &long, ..placed("w", "a", &long) };
    assert!(matches!(deep.folder(), Err(FolderError::Path { .. })));
}

#[test]
fn only_a_folder_of_its_own_is_believed() {
    let at = |folder| Placed { folder: Some(folder), ..placed("w", "team-a", "r1") }.folder();
    let own = "resources/platform/redis/r1--team-a/main/5058f";
    assert_eq!(at(own).unwrap().as_str(), own);
    for foreign in
        ["", "..", "resources/platform/redis/r2/main/5058f", "dependencies/x", "resources"]
    {
        assert!(matches!(at(foreign), Err(FolderError::Foreign { .. })), "{foreign}");
    }
}

/// Two requests of one name in two namespaces whose pipelines run in a third.
fn namesake(namespace: &str) -> Scene {
    let mut work = work(&[group("g", "dev")]);
    work.namespace = "platform".into();
    work.name = format!("redis-r1-{namespace}-main");
    work.uid = format!("work-of-{namespace}");
    work.labels.insert(labels::RESOURCE_NAMESPACE.into(), namespace.into());
    Scene::new(work, &[env("a", "dev")])
}

#[test]
fn same_named_requests_do_not_share_a_folder_and_none_moves_when_the_other_goes() {
    let (mut first, mut second) = (namesake("team-a"), namesake("team-b"));
    first.settle();
    let folder = |scene: &Scene| scene.placements[0].placed().folder().unwrap().to_string();
    assert_eq!(folder(&first), "resources/platform/redis/r1/main/g");
    second.folders = first.folders.clone();
    second.settle();
    assert_eq!(folder(&second), "resources/platform/redis/r1--team-b/main/g");
    assert_eq!(second.placements[0].annotations[labels::FOLDER], folder(&second));
    assert!(second.folders.may_write(&first.placements[0]));
    assert!(second.folders.may_write(&second.placements[0]));
    assert!(!second.folders.is_shared(&first.placements[0]));
    // The first one goes: the second stays where it is.
    second.folders.forget("platform", &first.placements[0].name);
    assert!(second.plan().is_empty());
}

/// Two WorkPlacements with one folder, as Kratix makes them, and both folders.
fn sharing() -> (Scene, Scene, Folders) {
    let (mut first, mut second) = (namesake("team-a"), namesake("team-b"));
    first.settle();
    second.settle();
    second.placements[0].created = "2026-06-01T00:00:00Z".parse().ok();
    let mut all = Folders::default();
    all.note(&first.placements[0]);
    all.note(&second.placements[0]);
    (first, second, all)
}

#[test]
fn placements_that_share_a_folder_are_parted_and_the_first_keeps_it() {
    let (mut first, mut second, all) = sharing();
    (first.folders, second.folders) = (all.clone(), all.clone());
    assert!(all.may_write(&first.placements[0]) && !all.may_write(&second.placements[0]));
    assert!(all.is_shared(&first.placements[0]) && all.is_shared(&second.placements[0]));
    assert!(first.plan().is_empty(), "it was there before");
    let plan = second.plan();
    let folder = "resources/platform/redis/r1--team-b/main/g".to_owned();
    assert_eq!(plan.relabels[0].annotations[labels::FOLDER], Some(folder));
    // Somebody stops in the middle: whoever goes on knows that its files are not there.
    let begun = Plan { moved: plan.moved, ..Plan::default() };
    second.carry_out(&begun);
    let plan = second.plan();
    assert!(!plan.relabels.is_empty());
    second.carry_out(&Plan { relabels: plan.relabels, ..Plan::default() });
    assert!(second.placements[0].needs_write(), "its files are not there yet");
    let plan = second.plan();
    second.carry_out(&plan);
    assert!(second.placements[0].needs_write());
    assert_eq!(second.work_says("Ready"), "-WorkplacementsPending");
    second.settle();
    assert!(second.folders.may_write(&second.placements[0]));
}

#[test]
fn a_folder_inside_that_of_another_is_taken_too() {
    let mut folders = Folders::default();
    let fixed = Placed { pipeline: "", group: "abcde", ..placed("static", "a", "") };
    folders.plan("d", &fixed);
    // A Pipeline that is called as the other's group.
    let inside = Placed { pipeline: "abcde", ..placed("w", "a", "") };
    let none = Folders::default();
    assert!(folders.choose(&none, "d", &inside).is_err(), "all that it could have is inside");
    assert_eq!(folders.choose(&none, "other", &inside).unwrap(), inside.plain_folder().unwrap());
    folders.forget("platform", "static");
    assert!(folders.choose(&none, "d", &inside).is_ok());
    folders.plan("d", &inside);
    let free = folders.choose(&none, "d", &fixed).unwrap();
    assert_ne!(free, fixed.plain_folder().unwrap(), "nor one around it");
}

#[test]
fn a_request_that_is_called_as_the_folder_of_another_gets_one_of_its_own() {
    let mut folders = Folders::default();
    let none = Folders::default();
    folders.plan("d", &placed("1", "a", "r1"));
    folders.plan("d", &placed("2", "a", "r1--b"));
    let third = folders.choose(&none, "d", &placed("3", "b", "r1")).unwrap();
    let all = ["r1", "r1--b"].map(|name| placed("x", "a", name).folder().unwrap());
    assert!(!all.contains(&third), "{third}");
}

#[test]
fn nobody_writes_to_or_deletes_what_is_anothers() {
    let (first, second, all) = sharing();
    let setup = first.destinations[0].setup.clone().unwrap();
    let of = |one: &PlacementSeen| turn(one, &setup, &all, &[]);
    assert_eq!(of(&first.placements[0]), Turn::Write(vec![]));
    assert_eq!(of(&second.placements[0]), Turn::NotYet);
    let mut going = second.placements[0].clone();
    going.is_going = true;
    assert_eq!(of(&going), Turn::Nothing, "the files are the other's");
    // A name that is no folder is told when it is tried, and holds nothing when it goes.
    going.promise = "..".into();
    assert_eq!(of(&going), Turn::Nothing);
    going.is_going = false;
    assert_eq!(of(&going), Turn::Write(vec![]));
}

#[test]
fn in_mode_none_a_file_that_moves_between_groups_stays() {
    let mut scene = Scene::new(work(&[group("g", ""), group("h", "")]), &[env("a", "dev")]);
    scene.settle();
    let all = scene.placements.clone();
    let going = PlacementSeen { is_going: true, ..all[0].clone() };
    let elsewhere = PlacementSeen { destination: "b".into(), ..all[1].clone() };
    let of_work = [going.clone(), all[1].clone(), elsewhere];
    let with = |one, mode| {
        let setup = Setup { mode, ..scene.destinations[0].setup.clone().unwrap() };
        turn(one, &setup, &scene.folders, &of_work)
    };
    assert_eq!(with(&going, Mode::Plain), Turn::Write(vec![&of_work[1]]));
    assert_eq!(with(&going, Mode::Nested), Turn::Write(vec![]));
    // Nor is it lost when both stay: whichever is written first knows of the other.
    for (one, other) in [(&all[0], &all[1]), (&all[1], &all[0])] {
        let setup = Setup { mode: Mode::Plain, ..scene.destinations[0].setup.clone().unwrap() };
        assert_eq!(turn(one, &setup, &scene.folders, &all), Turn::Write(vec![other]));
    }
    // One that goes is not written by the others.
    assert_eq!(with(&of_work[1], Mode::Plain), Turn::Write(vec![]));
    let file = StorePath::exact("all.yaml").unwrap();
    assert_eq!(with(&going, Mode::Aggregated { file }), Turn::Aggregate);
}
