//! Random histories: Destinations come, go and change, Works change, placements vanish, writes fail. At rest all is as the rules
//! say, and nothing is left to do.

use std::collections::BTreeMap;

use super::*;

/// Steele, Lea and Flood's SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end.max(1) as u64).unwrap()
    }

    fn percent(&mut self, part: usize) -> bool {
        self.below(100) < part
    }
}

struct World {
    random: Random,
    /// Two Works of two same-named requests, and one of a Promise.
    scenes: Vec<Scene>,
    destinations: BTreeMap<String, DestinationSeen>,
    folders: Folders,
    log: Vec<String>,
}

const VALUES: [&str; 3] = ["dev", "prod", ""];

impl World {
    fn new(seed: u64) -> Self {
        let mut scenes: Vec<_> = ["team-a", "team-b"]
            .map(|namespace| {
                let mut work = work(&[group("11111a", "dev")]);
                work.name = format!("redis-r1-{namespace}-main");
                work.uid = format!("work-of-{namespace}");
                work.labels.insert(labels::RESOURCE_NAMESPACE.into(), namespace.into());
                work
            })
            .into_iter()
            .map(|work| Scene::new(work, &[]))
            .collect();
        scenes.push(Scene::new(dependency(&[group("11111a", "dev")]), &[]));
        for scene in &mut scenes {
            scene.work.finalizers.clear();
        }
        let (destinations, folders, log) = Default::default();
        Self { random: Random(seed), scenes, destinations, folders, log }
    }

    fn value(&mut self) -> &'static str {
        VALUES[self.random.below(VALUES.len())]
    }

    /// Something happens.
    fn happen(&mut self) {
        let which = self.random.below(self.scenes.len());
        let name = format!("worker-{}", self.random.below(4));
        match self.random.below(10) {
            0..4 => {
                let value = self.value();
                self.log.push(format!("{name} is {value}"));
                let mut one = env(&name, value);
                one.is_strict = self.random.percent(30);
                one.is_going = self.random.percent(10);
                if self.random.percent(15) {
                    one.labels.insert(labels::DRY_RUN.into(), "true".into());
                }
                self.destinations.insert(name, one);
            }
            4 => {
                self.log.push(format!("{name} is gone"));
                self.destinations.remove(&name);
            }
            5 | 6 => {
                let ids = ["11111a", "11111b", "22222c"];
                let mut groups = Vec::new();
                for id in ids {
                    if self.random.percent(60) {
                        let value = self.value();
                        groups.push(group(id, value));
                    }
                }
                self.log.push(format!("work {which} has {} groups", groups.len()));
                let scene = &mut self.scenes[which];
                scene.work.generation += 1;
                scene.work.groups = work(&groups).groups;
            }
            7 => {
                let count = self.scenes[which].placements.len();
                let at = self.random.below(count);
                if let Some(one) = self.scenes[which].placements.get_mut(at) {
                    self.log.push(format!("{} is deleted", one.name));
                    one.is_going = true;
                }
            }
            _ => {
                self.work(which, 40);
            }
        }
    }

    /// A pass over one Work: plan, some of it carried out, and some writes, of which some fail. Returns whether nothing was to
    /// be done.
    fn work(&mut self, which: usize, failures: usize) -> bool {
        let scene = &mut self.scenes[which];
        scene.destinations = self.destinations.values().cloned().collect();
        scene.folders = self.folders.clone();
        let mut plan = scene.plan();
        let mut is_quiet = plan.is_empty();
        for write in &plan.creates {
            let to = &self.destinations[&write.destination];
            let group = scene.work.groups.iter().find(|one| one.id == write.group).unwrap();
            assert!(selectors::fits(&group.wanted, false, to), "{write:?} may not go to {to:?}");
        }
        // It may end anywhere.
        if self.random.percent(failures) {
            plan.creates.truncate(self.random.below(plan.creates.len() + 1));
            plan.updates.truncate(self.random.below(plan.updates.len() + 1));
            (plan.deletes, plan.status) = (Vec::new(), None);
        }
        scene.carry_out(&plan);
        let folders = &mut self.folders;
        // What goes is gone some time.
        let random = &mut self.random;
        scene.placements.retain(|one| {
            let is_gone = one.is_going && (failures == 0 || random.percent(50));
            if is_gone {
                is_quiet = false;
                folders.forget(&one.namespace, &one.name);
            }
            !is_gone
        });
        for one in &mut scene.placements {
            folders.note(one);
            if !one.needs_write() || !self.destinations.contains_key(&one.destination) {
                continue;
            }
            if !folders.may_write(one) {
                continue;
            }
            is_quiet = false;
            let outcome = match random.percent(failures) {
                true => Outcome::Failed { error: "no route" },
                false => {
                    Outcome::Written { generation: one.generation, version: None, site: &site("a") }
                }
            };
            if let Some((status, _)) = after_write(one, outcome, now()) {
                one.status = status;
            }
        }
        is_quiet
    }

    /// Lets everything come to rest; the same plan twice in a row without end is a fault.
    fn rest(&mut self) {
        for _ in 0..12 {
            let mut is_quiet = true;
            for which in 0..self.scenes.len() {
                is_quiet &= self.work(which, 0);
            }
            if is_quiet {
                break;
            }
        }
        for which in 0..self.scenes.len() {
            self.scenes[which].folders = self.folders.clone();
            let plan = self.scenes[which].plan();
            assert!(plan.is_empty(), "work {which} does not rest: {plan:#?}");
        }
    }

    /// What the rules say of a world at rest.
    fn check(&self) {
        let mut homes = BTreeMap::new();
        for scene in &self.scenes {
            let mut is_misplaced = false;
            let mut is_unscheduled = false;
            for group in &scene.work.groups {
                let fit = |one: &&DestinationSeen| selectors::fits(&group.wanted, false, one);
                let fit: Vec<_> =
                    self.destinations.values().filter(fit).map(|one| &one.name).collect();
                let of = |one: &&PlacementSeen| one.group == group.id;
                let here: Vec<_> = scene.placements.iter().filter(of).collect();
                for one in &here {
                    assert_eq!(
                        fit.contains(&&one.destination),
                        !one.is_marked_misplaced(),
                        "{one:?}"
                    );
                    is_misplaced |= one.is_marked_misplaced();
                    assert_eq!(one.digest, group.digest);
                    assert_eq!(one.work_generation, scene.work.generation);
                }
                if scene.work.resource.is_empty() {
                    let all =
                        fit.iter().all(|name| here.iter().any(|one| one.destination == **name));
                    assert!(all, "{group:?}: {fit:?}");
                } else {
                    assert_eq!(here.len(), usize::from(!here.is_empty() || !fit.is_empty()));
                }
                is_unscheduled |= here.is_empty();
            }
            for one in &scene.placements {
                let is_of = scene.work.groups.iter().any(|group| group.id == one.group);
                assert!(is_of, "{} is of no group", one.name);
                let folder = one.placed().folder().unwrap().to_string();
                let other = homes.insert((one.destination.clone(), folder), one.name.clone());
                assert_eq!(other, None, "two in one folder");
                if self.destinations.contains_key(&one.destination) {
                    assert!(one.is_written());
                }
            }
            let expect = match (is_unscheduled, is_misplaced) {
                (true, _) => "-UnscheduledWorkloads",
                (_, true) => "-Misplaced",
                _ => "+AllWorkplacementsScheduled",
            };
            let failing = scene.placements.iter().any(PlacementSeen::is_failing);
            let expect = if failing { "-WorkplacementsFailing" } else { expect };
            assert_eq!(scene.work_says("Ready"), expect);
        }
    }
}

#[test]
fn at_rest_all_is_as_the_rules_say() {
    let mut placements = 0;
    for seed in 0..300 {
        let mut world = World::new(seed);
        for _ in 0..4 {
            for _ in 0..12 {
                world.happen();
            }
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                world.rest();
                world.check();
            }));
            if checked.is_err() {
                panic!("seed {seed}: {:#?}", world.log);
            }
            placements += world.scenes.iter().map(|scene| scene.placements.len()).sum::<usize>();
        }
    }
    assert!(placements > 2_000, "{placements}: something happened");
}
