//! Our three containers in pods that a real kubelet runs, in namespaces where Pod Security `restricted` is enforced.

mod drop_in;
mod kit;
mod recorded;
mod workflows;
