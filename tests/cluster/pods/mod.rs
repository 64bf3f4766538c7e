//! Our three containers in pods that a real kubelet runs, in namespaces where Pod Security `restricted` is enforced.

mod clock;
mod crowd;
mod faults;
mod kit;
mod middle;
mod node;
mod on_call;
mod rights;
mod statuses;
mod workflows;
