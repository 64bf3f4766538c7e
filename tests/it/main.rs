//! The one integration binary: linking kube once instead of ten times.

mod yaml;
mod yaml_write;
