//! What Kratix's manager was recorded to do (`fixtures/steps`), played step by step against `bookend reconcile` on a
//! real control plane: Jobs, rights, ConfigMaps, CRDs, Works, labels, conditions, phases and events after each step.
//!
//! `BOOKEND_MANAGER=a,b` takes the cases alone that have one of these words in their name.

mod compare;
mod on_paper;
mod play;
mod pod;
mod reconciler;
mod rulings;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use crate::steps::case::{Case, carried};
use crate::steps::record;
use compare::{Difference, judge, unused};
use play::{Played, Player};
use reconciler::Reconciler;
use world::World;

use crate::api::reconciled;

/// Cases at a time. They mostly wait for the Job controller.
const AT_A_TIME: usize = 10;

/// The cases to play: all of them where the recordings stand beside the project, else those that are carried.
fn cases() -> Vec<Case> {
    let mut cases = match record::folder() {
        Some(folder) => record::all(&folder),
        None => {
            println!("cases of other people's Promises: skipped, ../shared/golden is not there");
            carried()
        }
    };
    let words = env::var_os("BOOKEND_MANAGER").unwrap_or_default().into_string().unwrap();
    cases.retain(|case| words.split(',').any(|word| case.name.contains(word)));
    cases
}

#[test]
#[ignore = "needs a control plane with controllers: tests/cluster/run --manager"]
fn every_recorded_step_is_made_the_same() {
    let began = Instant::now();
    let kubeconfig = PathBuf::from(env::var_os("KUBECONFIG").expect("KUBECONFIG is set"));
    let world = World::watch(reconciled());
    let all = cases();
    let (alone, together): (Vec<_>, Vec<_>) =
        all.iter().filter(|case| !case.steps.is_empty()).partition(|case| case.is_alone());
    let mut played = Vec::new();
    if !together.is_empty() {
        let reconciler = start(&world, &kubeconfig, together[0]);
        played = play_together(&world, &kubeconfig, &together);
        reconciler.stop();
    }
    for case in alone {
        let reconciler = start(&world, &kubeconfig, case);
        played.extend(play(&world, &kubeconfig, case));
        reconciler.stop();
    }
    report(&all, &played, began);
}

fn start(world: &World, kubeconfig: &Path, case: &Case) -> Reconciler {
    Reconciler::start(world.api, kubeconfig, &case.config, case.pull_secret()).ready()
}

fn play(world: &World, kubeconfig: &Path, case: &Case) -> Vec<Played> {
    let player = Player::new(world, case, kubeconfig);
    let played = catch_unwind(AssertUnwindSafe(|| player.play())).unwrap_or_else(|_| {
        let title = format!("{} -", case.name);
        let all = vec![Difference { place: title.clone(), what: "panicked, see above".into() }];
        vec![Played { title, all, seconds: 0.0 }]
    });
    let seconds: f64 = played.iter().map(|step| step.seconds).sum();
    println!("{}: {} steps in {seconds:.1} s", case.name, played.len());
    played
}

/// Long cases first, so that none is left alone at the end.
fn play_together(world: &World, kubeconfig: &Path, cases: &[&Case]) -> Vec<Played> {
    let mut waiting = cases.to_vec();
    waiting.sort_by_key(|case| {
        let waits = case.steps.iter().filter_map(|step| step.options["seconds"].as_u64());
        waits.sum::<u64>() + 4 * case.steps.len() as u64
    });
    let (waiting, played) = (Mutex::new(waiting), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let Some(case) = waiting.lock().unwrap().pop() else { return };
                    let done = play(world, kubeconfig, case);
                    played.lock().unwrap().extend(done);
                }
            });
        }
    });
    played.into_inner().unwrap()
}

fn report(cases: &[Case], played: &[Played], began: Instant) {
    let (mut equal, mut on_purpose, mut wrong) = (0, 0, Vec::new());
    let mut used = BTreeSet::new();
    let mut reasons: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for step in played {
        let (bad, why) = judge(&step.all, &mut used);
        for (reason, count) in &why {
            let (steps, all) = reasons.entry(reason).or_default();
            (*steps, *all) = (*steps + 1, *all + count);
        }
        if !bad.is_empty() {
            let lines = bad.iter().map(|it| format!("\n  {}: {}", it.place, it.what));
            wrong.push(format!("{}{}", step.title, lines.collect::<String>()));
        } else if why.is_empty() {
            equal += 1;
        } else {
            on_purpose += 1;
        }
    }
    wrong.sort();
    wrong.iter().for_each(|text| println!("{text}"));
    let steps: usize = cases.iter().map(|case| case.steps.len()).sum();
    let left_out: usize = cases.iter().flat_map(|case| &case.steps).map(|step| step.left_out).sum();
    println!(
        "{} cases, {steps} steps in {:.0} s: {equal} equal, {on_purpose} different on purpose, {} wrong, \
         {} not played; {left_out} objects and events left out",
        cases.len(),
        began.elapsed().as_secs_f64(),
        wrong.len(),
        steps - played.len(),
    );
    for (reason, (steps, all)) in &reasons {
        println!("  {steps} steps, {all} differences: {reason}");
    }
    println!("places of rulings that did not come up: {:#?}", unused(&used));
    // Steps after one that could not be played have no meaning; that one is wrong, or ruled.
    assert!(wrong.is_empty(), "not everything is as recorded, see above");
    // Some places come up with one timing and not with another, so one that did not is told, for people to look at.
}

/// Settings that cannot be read stop the original's manager with a trace; here they are told.
#[test]
#[ignore = "needs a control plane with controllers: tests/cluster/run --manager"]
fn settings_that_cannot_be_read_are_told_and_nothing_panics() {
    let kubeconfig = PathBuf::from(env::var_os("KUBECONFIG").expect("KUBECONFIG is set"));
    let cases: Vec<Case> = carried().into_iter().filter(|case| case.steps.is_empty()).collect();
    assert_eq!(
        cases.iter().map(|case| &*case.name).collect::<Vec<_>>(),
        ["config-bad-yaml", "config-no-key"]
    );
    for case in cases {
        let mut reconciler = Reconciler::start(reconciled(), &kubeconfig, &case.config, None);
        let ended = reconciler.ready_or_ended();
        let log = reconciler.log();
        println!("{}: {log}", case.name);
        assert_eq!(ended, None, "{}: {log}", case.name);
        assert!(!log.contains("panicked"), "{}: {log}", case.name);
        let told = |line: &str| line.contains("WARN") && line.contains(r#"config_map="kratix""#);
        assert!(log.lines().any(told), "{}: {log}", case.name);
        reconciler.stop();
    }
}
