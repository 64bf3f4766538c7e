//! Chooses one of several Destinations for a group of a request (contract.md 10.3).

use md5::{Digest as _, Md5};

use super::destination::DestinationSeen;
use super::seen::{Chooser, GroupSeen, WorkSeen};

/// Chooses one of the candidates; `None` when there is none.
///
/// One that is known to be bad is chosen only when all are: what is placed is never moved, and a new request has done nothing
/// to be stuck at a store that is gone.
pub(super) fn choose<'a>(
    chooser: Chooser,
    work: &WorkSeen,
    group: &GroupSeen,
    candidates: &[&'a DestinationSeen],
) -> Option<&'a DestinationSeen> {
    let good: Vec<_> = candidates.iter().copied().filter(|one| !one.is_known_bad()).collect();
    let from = if good.is_empty() { candidates } else { good.as_slice() };
    match chooser {
        Chooser::Stable => {
            let identity = identity(work, group);
            from.iter().copied().max_by_key(|one| (weight(&identity, &one.name), &one.name))
        }
        Chooser::Random(chance) => {
            let mut from = from.to_vec();
            from.sort_by(|a, b| a.name.cmp(&b.name));
            // One chance for a Work; each of its groups takes its own turn.
            let chance = weight(&chance.to_string(), &group.id);
            let at = chance.checked_rem(from.len() as u64)?;
            from.get(usize::try_from(at).ok()?).copied()
        }
    }
}

/// What a group is of. Its uid is no part of it: a request that is made anew comes back to the same place.
fn identity(work: &WorkSeen, group: &GroupSeen) -> String {
    [work.request_namespace(), &work.promise, &work.resource, work.pipeline(), &group.directory]
        .join("\0")
}

/// Rendezvous hashing: each pair has a weight, and the heaviest wins. When a Destination comes, it wins its share of all that is
/// new and nothing changes between the others; when one goes, only what it had won is won by others.
fn weight(identity: &str, destination: &str) -> u64 {
    let mut hash = Md5::new();
    hash.update(identity);
    // No identity and no name holds it.
    hash.update([0xff]);
    hash.update(destination);
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |weight, byte| (weight << 8) | u64::from(*byte))
}
