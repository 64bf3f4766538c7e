//! Many Promises and requests, made by the number and watched until they are settled. Shared with `benches/load`.

pub(crate) mod documents;
pub(crate) mod requests;
