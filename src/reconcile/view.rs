//! What is known of a Promise beyond the Promise itself.

use super::feeds;
use super::known::{KnownPromise, is_going};
use super::pass::{End, Pass};
use super::store::Feed;
use crate::cluster::Reads as _;
use crate::contract::{Object, kinds};
use crate::core::rbac::controller_rights_name;
use crate::core::workflow::promise::{OtherPromise, Owned, StaticWork};
use crate::core::workflow::{JobSeen, WorkSeen};
use crate::exit;

/// What is known of a Promise.
pub(super) struct View {
    pub(super) jobs: Vec<JobSeen>,
    pub(super) works: Vec<WorkSeen>,
    pub(super) others: Vec<OtherPromise>,
    pub(super) crds: Vec<Object>,
    pub(super) rights: Vec<Object>,
    pub(super) static_works: Vec<StaticWork>,
    pub(super) requests: Vec<Owned>,
    pub(super) a_request_runs: bool,
    pub(super) labelled: Vec<Owned>,
}

impl Pass<'_> {
    /// Gathers it; `None` while the list of its requests is not complete.
    pub(super) async fn view(&self, known: &KnownPromise) -> Result<Option<View>, End> {
        let name = &*self.target.promise;
        let kind = known.promise().ok().and_then(|promise| promise.request_kind());
        let crd = kind.map(ToString::to_string);
        let (mut view, is_crd_known) = {
            let store = self.shared.store();
            let feed = Feed::Requests(self.target.promise.clone());
            let is_deleted = is_going(known.object());
            let has_crd = crd.as_ref().is_some_and(|crd| store.crd(crd).is_some());
            // While the CRD is not served there can be no request, and nobody lists any.
            let is_served = crd.as_ref().and_then(|crd| store.crd(crd));
            let is_served = is_served.is_some_and(|crd| feeds::is_established(&crd));
            if is_deleted && is_served && !store.is_filled(&feed) {
                return Ok(None);
            }
            let requests = if is_deleted { store.requests_of(name) } else { Vec::new() };
            let rights_name = controller_rights_name(name);
            let rights = [kinds::CLUSTER_ROLE, kinds::CLUSTER_ROLE_BINDING]
                .into_iter()
                .filter_map(|kind| store.labelled(&kind.object(None, &rights_name)));
            let others = store.promises.iter().filter(|(other, _)| ***other != *name);
            let view = View {
                jobs: store.jobs_of(self.target),
                works: store.works_of(self.target),
                others: others.map(|(_, known)| known.other.clone()).collect(),
                crds: store.crds_of(name),
                rights: rights.collect(),
                static_works: store.static_works_of(name),
                requests: requests
                    .iter()
                    .filter_map(|(_, json)| serde_json::from_slice::<Object>(json).ok())
                    .filter_map(|object| Some(Owned::from_object(kind?, &object)))
                    .collect(),
                a_request_runs: is_deleted && store.a_request_runs(name),
                labelled: if is_deleted { store.labelled_of(name) } else { Vec::new() },
            };
            (view, has_crd)
        };
        // A CRD without our label may be there: somebody else's.
        if let Some(crd) = crd.filter(|_| !is_crd_known) {
            match self.shared.cluster.get(&kinds::CRD.object(None, &crd)).await {
                Ok(found) => view.crds.extend(found),
                Err(error) => {
                    tracing::debug!("failed to read the CRD: {}", exit::chain(&error));
                    return Err(End::Failed);
                }
            }
        }
        Ok(Some(view))
    }
}
