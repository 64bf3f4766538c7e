//! Opens a bucket by what its address and its credentials say.
pub struct Bucket;
pub enum Provider {}
