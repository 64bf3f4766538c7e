//! The one integration binary: linking kube once instead of ten times.

mod pipeline_golden;
