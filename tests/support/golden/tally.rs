//! Counts how the cases ended, by rule, for the one table that the test prints.

use std::collections::BTreeMap;
use std::fmt;

/// How a case ended in one kind of cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// As recorded.
    Held,
    /// Better than recorded (`upstream_bug`).
    Better,
    /// As recorded on purpose, although `upstream_bug`.
    Kept,
    /// Something else on purpose.
    Decided,
    /// This kind of cluster cannot show it.
    Elsewhere,
    /// Neither.
    Failed,
}

/// Counts by rule.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    rules: BTreeMap<String, BTreeMap<Mark, usize>>,
}

const COLUMNS: [(Mark, &str); 6] = [
    (Mark::Held, "held"),
    (Mark::Better, "better"),
    (Mark::Kept, "kept"),
    (Mark::Decided, "decided"),
    (Mark::Elsewhere, "elsewhere"),
    (Mark::Failed, "FAILED"),
];

impl Tally {
    pub(crate) fn add(&mut self, rule: &str, mark: Mark) {
        *self.rules.entry(rule.to_owned()).or_default().entry(mark).or_default() += 1;
    }

    pub(crate) fn count(&self, mark: Mark) -> usize {
        self.rules.values().filter_map(|counts| counts.get(&mark)).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:24}", "rule")?;
        for (_, name) in COLUMNS {
            write!(out, "{name:>10}")?;
        }
        writeln!(out)?;
        for (rule, counts) in &self.rules {
            write!(out, "{rule:24}")?;
            for (mark, _) in COLUMNS {
                write!(out, "{:>10}", counts.get(&mark).copied().unwrap_or_default())?;
            }
            writeln!(out)?;
        }
        write!(out, "{:24}", "all")?;
        for (mark, _) in COLUMNS {
            write!(out, "{:>10}", self.count(mark))?;
        }
        Ok(())
    }
}
