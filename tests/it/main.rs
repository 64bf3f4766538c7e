//! The one integration binary: linking kube once instead of ten times.

mod cluster_body;
mod cluster_contract;
