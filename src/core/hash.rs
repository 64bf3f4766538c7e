//! Hashes as Kratix makes them (contract.md 6).

mod go_json;
mod spec;

use md5::{Digest as _, Md5};

pub use spec::{promise_spec, resource_workflow, spec};

/// Returns the lower-case hex MD5 of a text's UTF-8 bytes (contract.md 6.1).
pub fn md5_hex(text: &str) -> String {
    use std::fmt::Write as _;
    Md5::digest(text.as_bytes()).iter().fold(String::with_capacity(32), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_the_contract_hold() {
        assert_eq!(md5_hex("."), "5058f1af8388633f609cadb75a75dc9d");
        assert_eq!(md5_hex("baz"), "73feffa4b7f6bb68e44cf984c85f6e88");
        assert_eq!(&md5_hex("not-set")[..5], "5a7f3");
    }
}
