//! How commits are made, as the settings of the installation say, and what their templates may tell.

use std::collections::BTreeMap;

use super::super::shared::Shared;
use super::super::store::Place;
use super::super::target::Target;
use crate::contract::Object;
use crate::core::config::CommitTexts;
use crate::core::placement::{self, PlacementSeen};
use crate::store::git::{CommitError, CommitSettings, Commits};

/// Reads how commits are made; the committer is named by the state store (contract.md 5.3).
pub(in crate::reconcile) fn commits(
    texts: &CommitTexts,
    store: &Object,
) -> Result<Commits, CommitError> {
    let set = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let committer = |field| store.text_at(&["spec", "gitAuthor", field]).map(str::to_owned);
    let trailers = texts.trailers.iter();
    Commits::new(CommitSettings {
        update: set(&texts.message),
        delete: set(&texts.delete_message),
        author_name: set(&texts.author.name),
        author_email: set(&texts.author.email),
        committer_name: committer("name"),
        committer_email: committer("email"),
        trailers: trailers.map(|(key, value)| (key.clone(), value.clone())).collect(),
        together: texts.together,
        key: None,
    })
}

/// Returns what the templates of a WorkPlacement's commit may tell. Labels and annotations are looked up only when there are
/// templates that may ask for them.
pub(super) fn about(
    shared: &Shared,
    placement: &PlacementSeen,
    work: Option<&Place>,
) -> BTreeMap<String, String> {
    let asks = shared.config().commits != CommitTexts::default();
    let request = work.filter(|_| asks).and_then(|work| said(shared, work));
    let work = work.map_or("", |(_, name)| name);
    placement::about(&placement.placed(), work, &placement.destination, request.as_ref())
}

/// Labels and annotations of a Work and of its request.
fn said(shared: &Shared, work: &Place) -> Option<Object> {
    let work = shared.placing.as_ref()?.caches().work(work)?.object();
    let request = Target::of_work(&work).and_then(|target| shared.store().request(&target));
    let request = request.and_then(|json| serde_json::from_slice::<Object>(&json).ok());
    Some(placement::said_of_request(&work, request.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_that_cannot_be_used_are_told() {
        let store = Object::default();
        let fault = |texts: CommitTexts| commits(&texts, &store).err().map(|e| e.to_string());
        assert_eq!(fault(CommitTexts::default()), None);
        let good = CommitTexts {
            message: concat!("{promise} [{annotation", ":x}]").into(),
            ..Default::default()
        };
        assert_eq!(fault(good), None);
        for (texts, expected) in [
            (CommitTexts { message: "{what}".into(), ..Default::default() }, "asks for `what`"),
            (CommitTexts { delete_message: "}".into(), ..Default::default() }, "has a `}` alone"),
            (
                CommitTexts {
                    trailers: [("A b".to_owned(), "x".to_owned())].into(),
                    ..Default::default()
                },
                "is no key of a trailer",
            ),
        ] {
            let told = fault(texts).unwrap_or_default();
            assert!(told.contains(expected), "{told}");
        }
    }
}
