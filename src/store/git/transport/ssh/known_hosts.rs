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
