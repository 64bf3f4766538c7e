//! Finds out from a cluster where a Destination is and with which credentials, and opens its store.

pub mod lease;
