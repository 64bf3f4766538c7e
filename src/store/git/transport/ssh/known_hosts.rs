//! Which host keys are trusted: the lines of a `known_hosts` file, read as OpenSSH reads them.

use ring::hmac;
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, HashAlg, PublicKey};

use crate::store::Trouble;

/// The keys that one server may have.
pub(super) struct Known {
    /// For messages: `host` or `[host]:port`.
    name: String,
    keys: Vec<KeyData>,
    revoked: Vec<KeyData>,
    /// Lines that could not be read, and certificates of authorities, which are not supported.
    passed_over: usize,
}

impl Known {
    /// Picks the lines about a server. As in OpenSSH, a server at another port than 22 may also be known by its name alone;
    /// lines that cannot be read are passed over; `@cert-authority` is not supported.
    pub(super) fn of(lines: &str, host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        let with_port = format!("[{host}]:{port}");
        let name = if port == 22 { host.clone() } else { with_port.clone() };
        let mut known = Self { name, keys: Vec::new(), revoked: Vec::new(), passed_over: 0 };
        let mut by_name_alone = Vec::new();
        for line in lines.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let Ok(entry) = words.join(" ").parse::<Entry>() else {
                known.passed_over += 1;
                continue;
            };
            let is_exact = matches(entry.host_patterns(), &known.name)
                || (port == 22 && matches(entry.host_patterns(), &with_port));
            let is_by_name = matches(entry.host_patterns(), &host);
            let key = entry.public_key().key_data().clone();
            match entry.marker() {
                Some(Marker::Revoked) if is_exact || is_by_name => known.revoked.push(key),
                Some(Marker::CertAuthority) if is_exact || is_by_name => known.passed_over += 1,
                Some(_) => {}
                None if is_exact => known.keys.push(key),
                None if is_by_name => by_name_alone.push(key),
                None => {}
            }
        }
        if known.keys.is_empty() {
            known.keys = by_name_alone;
        }
        known
    }

    /// Says whether a key may be the server's.
    pub(super) fn check(&self, key: &PublicKey) -> Result<(), Trouble> {
        let shown = || format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256));
        let name = &self.name;
        let why = if self.revoked.contains(key.key_data()) {
            format!("the host key of {name} is revoked in known_hosts: {}", shown())
        } else if self.keys.contains(key.key_data()) {
            return Ok(());
        } else if self.keys.is_empty() {
            self.nothing_known()
        } else {
            format!("{name} shows another host key than known_hosts has: {}", shown())
        };
        Err(Trouble::Untrusted(why.into()))
    }

    /// Returns the algorithms of the keys that are known, so that a server with several keys shows one of these.
    pub(super) fn algorithms(&self) -> Result<Vec<Algorithm>, Trouble> {
        if self.keys.is_empty() {
            return Err(Trouble::Untrusted(self.nothing_known().into()));
        }
        let mut algorithms = Vec::new();
        for key in &self.keys {
            let of_key = match key.algorithm() {
                // One kind of key, two ways to sign with it. The third, SHA-1, is broken.
                Algorithm::Rsa { .. } => vec![
                    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
                    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
                ],
                other => vec![other],
            };
            for algorithm in of_key {
                if !algorithms.contains(&algorithm) {
                    algorithms.push(algorithm);
                }
            }
        }
        Ok(algorithms)
    }

    fn nothing_known(&self) -> String {
        let also = match self.passed_over {
            0 => String::new(),
            count => format!(" ({count} lines could not be used)"),
        };
        format!("known_hosts has no key of {}{also}", self.name)
    }
}

fn matches(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
            hmac::verify(&key, name.as_bytes(), hash).is_ok()
        }
        HostPatterns::Patterns(patterns) => {
            let is_like =
                |pattern: &str| is_like(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes());
            let is_denied = patterns.iter().any(|one| one.strip_prefix('!').is_some_and(is_like));
            !is_denied && patterns.iter().any(|one| is_like(one))
        }
    }
}

/// Compares with a pattern in which `*` is anything and `?` any one character.
fn is_like(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut of_name) = (0, 0);
    // Where to go on when it does not fit: after the last `*`, one character further on.
    let mut again: Option<(usize, usize)> = None;
    while of_name < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                again = Some((at + 1, of_name));
                at += 1;
            }
            Some(b'?') => (at, of_name) = (at + 1, of_name + 1),
            Some(byte) if *byte == name[of_name] => (at, of_name) = (at + 1, of_name + 1),
            _ => match again {
                Some((after, from)) => {
                    again = Some((after, from + 1));
                    (at, of_name) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINJimiD1efWnSCLI5IUsTafvhrctcE7i8S9jOr1TnYX+";
    const TWO: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAFv/Qe3BuhUN13I9OEXAJ3/M3bMSnYxz+iIu76wIrka";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJWJ5lOM0j3K4woCj12bayotvaugRkLcEao0KhAeRtzNZKg0mQpqYt3rSl9XvbRLXbj7kEp+xKgixeJpjuETMts=";
    /// `git.example.com`, and the same with port 2222, as `ssh-keygen -H` writes them.
    const HASHED: &str = "|1|oLmcQ8/wp+TJZWqKXTSoRaN3qZs=|FscjASWlmvBJe1lYTdA0WJ3U++k=";
    const HASHED_2222: &str = "|1|DRFs/OjE2jWuDNQfyEtxq8NW4Es=|DeGDVTo3xv0Cv8S00025/2Jqr/I=";

    fn is_trusted(lines: &str, port: u16, key: &str) -> bool {
        Known::of(lines, "Git.Example.com", port).check(&key.parse().unwrap()).is_ok()
    }

    #[test]
    fn lines_are_read_as_openssh_reads_them() {
        for (lines, port, is_good) in [
            (format!("git.example.com {ONE}"), 22, true),
            (format!("git.example.com {ONE} a comment"), 22, true),
            (format!("\tGIT.example.com\t{ONE}\r\n"), 22, true),
            (format!("a.b,git.example.com,1.2.3.4 {ONE}"), 22, true),
            (format!("*.example.com {ONE}"), 22, true),
            (format!("git.ex?mple.* {ONE}"), 22, true),
            (format!("*.example.com,!git.example.com {ONE}"), 22, false),
            (format!("git.example.comm {ONE}"), 22, false),
            (format!("{HASHED} {ONE}"), 22, true),
            (format!("{HASHED_2222} {ONE}"), 22, false),
            (format!("{HASHED_2222} {ONE}"), 2222, true),
            (format!("[git.example.com]:2222 {ONE}"), 2222, true),
            (format!("[git.example.com]:2222 {ONE}"), 22, false),
            (format!("git.example.com {ONE}"), 2222, true),
            (format!("[git.example.com]:2222 {TWO}\ngit.example.com {ONE}"), 2222, false),
            (format!("# git.example.com {ONE}"), 22, false),
            (format!("git.example.com {TWO}\ngit.example.com {ONE}"), 22, true),
            (format!("git.example.com {TWO}"), 22, false),
            (format!("no line at all\ngit.example.com {ONE}"), 22, true),
            (format!("@cert-authority *.example.com {ONE}"), 22, false),
            (format!("git.example.com {ONE}\n@revoked * {ONE}"), 22, false),
            (format!("git.example.com {ONE}\n@revoked * {TWO}"), 22, true),
            (String::new(), 22, false),
        ] {
            assert_eq!(is_trusted(&lines, port, ONE), is_good, "{port}: {lines}");
        }
    }

    #[test]
    fn only_kinds_of_keys_that_are_known_are_asked_for() {
        let lines = format!("git.example.com {ECDSA}\ngit.example.com {ONE}\nother {TWO}");
        let algorithms = Known::of(&lines, "git.example.com", 22).algorithms().unwrap();
        let names: Vec<String> = algorithms.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["ecdsa-sha2-nistp256", "ssh-ed25519"]);
        Known::of(&lines, "elsewhere", 22).algorithms().unwrap_err();
    }

    #[test]
    fn patterns_end() {
        let stars = "*a".repeat(50) + "b";
        assert!(!is_like(stars.as_bytes(), "a".repeat(10_000).as_bytes()));
        for (pattern, name, is_good) in [
            ("*", "", true),
            ("", "", true),
            ("?", "", false),
            ("a*", "ab", true),
            ("*b*", "abc", true),
        ] {
            assert_eq!(is_like(pattern.as_bytes(), name.as_bytes()), is_good, "{pattern}");
        }
    }
}
