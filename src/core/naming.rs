//! Names of objects (contract.md 4.4): at most 63 bytes, a base and five hex digits.

use super::hash::md5_hex;

/// Longest base that is kept whole, in bytes.
const BASE_BYTES_MAX: usize = 57;
/// What is kept of a longer base, in bytes. One less than the limit: that is Kratix's rule.
const BASE_BYTES_CUT: usize = 56;
/// Length of the suffix.
const SUFFIX_LEN: usize = 5;

/// A name of which nothing is left once it is cut to letters and digits at its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` holds no letter or digit to make a name of")]
pub struct NamingError {
    /// The name as given.
    pub name: String,
}

/// Returns the name with the suffix that Kratix gives a deterministic name.
///
/// The suffix is the hash of `inputs` joined with `-`, or of the whole name when there are none.
pub fn deterministic(name: &str, inputs: &[&str]) -> Result<String, NamingError> {
    let hash = if inputs.is_empty() { md5_hex(name) } else { md5_hex(&inputs.join("-")) };
    Ok(format!("{}-{}", base(name)?, &hash[..SUFFIX_LEN]))
}

/// Returns the base of a name: cut to length, then to its last ASCII letter or digit.
///
/// Cutting never splits a character; the original counts bytes and may.
pub fn base(name: &str) -> Result<&str, NamingError> {
    let mut end = if name.len() > BASE_BYTES_MAX { BASE_BYTES_CUT } else { name.len() };
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let cut = name[..end].trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    if cut.is_empty() { Err(NamingError { name: name.to_owned() }) } else { Ok(cut) }
}

/// Whether the API server takes it as the name of an object.
pub fn is_subdomain(name: &str) -> bool {
    let lower = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.split('.').all(|part| {
        let bytes = part.as_bytes();
        bytes.first().is_some_and(lower)
            && bytes.last().is_some_and(lower)
            && bytes.iter().all(|byte| lower(byte) || *byte == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_the_contract_hold() {
        for (name, expected) in [
            ("redis-resource-configure-main", "redis-resource-configure-main-787e8"),
            (
                "redis-resource-configure-main-default",
                "redis-resource-configure-main-default-c8dcd",
            ),
        ] {
            assert_eq!(deterministic(name, &[]).unwrap(), expected);
        }
        assert_eq!(deterministic("redis", &["v1.0.0"]).unwrap(), "redis-2888c");
        assert_eq!(deterministic("redis", &["not-set"]).unwrap(), "redis-5a7f3");
    }

    #[test]
    fn a_base_is_kept_up_to_57_bytes_and_cut_to_56_beyond() {
        for (length, kept) in [(56, 56), (57, 57), (58, 56), (63, 56)] {
            assert_eq!(base(&"a".repeat(length)).unwrap().len(), kept);
        }
    }

    #[test]
    fn a_base_ends_in_a_letter_or_digit() {
        assert_eq!(base("kratix-promise-1.-@$#%&*()_+{}|:<>?/\\").unwrap(), "kratix-promise-1");
        assert_eq!(base("-._").unwrap_err().name, "-._");
        assert_eq!(base("").unwrap_err().name, "");
        assert_eq!(base(&format!("{}ä", "a".repeat(57))).unwrap().len(), 56);
    }
}
