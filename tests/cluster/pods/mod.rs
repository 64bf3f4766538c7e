//! Our three containers in pods that a real kubelet runs, in namespaces where Pod Security `restricted` is enforced.

mod debug;
mod kit;
mod workflows;
