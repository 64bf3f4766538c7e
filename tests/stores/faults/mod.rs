//! Writers that die and servers that fail, on real servers: in the end a store holds exactly what it shall.
//!
//! The writer is the program itself, as in a pod. What is random comes from one number, which is printed: `BOOKEND_SEED`.
//! `BOOKEND_FAULTS=whole` makes as many writes as are asked of a release; without it there are few, for CI.

mod kills;
mod servers;
mod site;
mod stopped;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Numbers that look random and come again with the same seed.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    /// Starts from `BOOKEND_SEED`, or from the time; printed, so that it can be had again.
    fn seeded(what: &str) -> Self {
        let given = std::env::var("BOOKEND_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = given.unwrap_or(now.as_millis() as u64);
        println!("{what}: BOOKEND_SEED={seed}");
        Self(seed)
    }

    /// Returns a number below `end` (splitmix64).
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// How many writes, and how many of them are killed.
fn numbers() -> (u64, u64) {
    match std::env::var("BOOKEND_FAULTS").as_deref() {
        Ok("whole") => (1000, 100),
        _ => (60, 12),
    }
}

/// The output of a pipeline: names of files and what is in them.
type Output = BTreeMap<String, Vec<u8>>;

/// Makes an output that differs from others in names, number and content of its files.
fn output(random: &mut Random) -> Output {
    let files = 1 + random.below(5);
    let file = |random: &mut Random| {
        let folder = ["", "a/", "a/b/"][random.below(3) as usize];
        let name = format!("{folder}f{}.yaml", random.below(8));
        let lines = 1 + random.below(200);
        let text: String =
            (0..lines).map(|line| format!("line-{line}: {}\n", random.below(1 << 40))).collect();
        (name, text.into_bytes())
    };
    (0..files).map(|_| file(random)).collect()
}

/// Lays an output down as a pod would, and returns the folder.
fn laid_down(at: &Path, output: &Output) -> PathBuf {
    fs::create_dir_all(at.join("metadata")).unwrap();
    fs::create_dir_all(at.join("input")).unwrap();
    for (name, content) in output {
        let path = at.join("input").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    at.to_owned()
}
