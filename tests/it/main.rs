//! The one integration binary: linking kube once instead of ten times.

mod contract_doc;
mod dockerfiles;
mod tidy;
