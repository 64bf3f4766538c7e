//! Our three containers in pods that a real kubelet runs, in namespaces where Pod Security `restricted` is enforced.

mod clock;
mod crowd;
mod debug;
mod drop_in;
mod faults;
pub(crate) mod kit;
mod message;
mod middle;
mod node;
mod on_call;
mod recorded;
mod rights;
mod statuses;
mod workflows;
