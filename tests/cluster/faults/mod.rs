//! What goes wrong around a reconciler: it is killed, the API server restarts, calls fail, watches break, somebody
//! deletes a Job or a namespace. In the end all is settled, and nothing has run twice.
//!
//! Runs are counted by the stand-in for the kubelet, which watches the Jobs and asks no reconciler.

mod accidents;
mod kills;
mod outages;
mod reconciler;
pub(crate) mod scene;
pub(crate) mod weather;
