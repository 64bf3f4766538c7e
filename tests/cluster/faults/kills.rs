//! Reconcilers are killed at random moments while another one stands by.

use std::time::{Duration, Instant};

use kube::Client;

use super::reconciler::{Reconciler, holder};
use super::scene::{self, Scene, controller, play, seed};
use super::weather::Chance;

/// How often, where [`KILLS_SET`] says nothing.
const KILLS: usize = 50;
/// Variable with another number: `.ci/run` has fewer.
const KILLS_SET: &str = "BOOKEND_TEST_KILLS";
const REQUESTS: usize = 200;
/// Between two looks at the Lease.
const PAUSE: Duration = Duration::from_millis(50);
/// What is asked for: the other one leads before this.
const HAND_OVER_MAX: Duration = Duration::from_secs(15);

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_leader_that_is_killed_again_and_again_starts_nothing_twice() {
    let kills =
        std::env::var_os(KILLS_SET).map_or(KILLS, |text| text.to_str().unwrap().parse().unwrap());
    play(async move {
        let chance = Chance::new(seed());
        let scene = Scene::set("killed", 2, Duration::from_millis(1500)).await;
        let mut team = vec![
            Reconciler::start("r0", &controller()).await,
            Reconciler::start("r1", &controller()).await,
        ];
        let mut slowest = Duration::ZERO;
        for kill in 0..kills {
            let begun = Instant::now();
            let leader = leader(&scene.client, &mut team).await;
            slowest = slowest.max(begun.elapsed());
            let numbers = REQUESTS * kill / kills..REQUESTS * (kill + 1) / kills;
            scene.create(numbers).await;
            tokio::time::sleep(Duration::from_millis(chance.below(2000))).await;
            team.remove(leader).kill();
            team.push(Reconciler::start(&format!("r{}", kill + 2), &controller()).await);
        }
        let members: Vec<&Reconciler> = team.iter().collect();
        scene.settled(REQUESTS, &members).await;
        scene.check_each_ran_once(REQUESTS);
        println!(
            "{kills} kills, {REQUESTS} requests, {} Jobs; slowest hand-over {slowest:.1?}",
            scene.runs().len()
        );
    });
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn one_that_stands_by_leads_within_fifteen_seconds_of_a_kill() {
    play(async {
        let scene = Scene::set("followed", 1, Duration::from_millis(1500)).await;
        scene::lease(&scene.client, None).await;
        let mut team = vec![
            Reconciler::start("a", &controller()).await,
            Reconciler::start("b", &controller()).await,
        ];
        let first = leader(&scene.client, &mut team).await;
        scene.create(0..20).await;
        scene.settled(1, &[]).await;
        team.remove(first).kill();
        let killed = Instant::now();
        scene.create(20..21).await;
        leader(&scene.client, &mut team).await;
        let leads = killed.elapsed();
        scene.settled(21, &[&team[0]]).await;
        println!(
            "killed, and another one leads after {leads:.1?}; all settled after {:.1?}",
            killed.elapsed()
        );
        assert!(leads < HAND_OVER_MAX, "{leads:?}");
        scene.check_each_ran_once(21);
    });
}

/// Returns which of them holds the Lease, once one does.
async fn leader(client: &Client, team: &mut [Reconciler]) -> usize {
    let end = Instant::now() + HAND_OVER_MAX * 2;
    loop {
        let holder = holder(client).await;
        if let Some(index) = team.iter().position(|one| one.holds(&holder)) {
            return index;
        }
        assert!(Instant::now() < end, "`{holder}` holds the Lease\n{}", team[0].log());
        assert!(team.iter_mut().all(Reconciler::is_alive), "one has ended by itself");
        tokio::time::sleep(PAUSE).await;
    }
}
