//! Where a repository is, for ssh: `ssh://user@host:port/path` or `user@host:path`.

use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::store::Trouble;

/// The user of most servers that are only for Git.
const USER: &str = "git";

/// A repository of a user on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) user: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

impl Target {
    pub(super) fn parsed(remote: &str) -> Result<Self, Trouble> {
        let target = match remote.strip_prefix("ssh://") {
            Some(_) => of_url(remote)?,
            None => of_short_form(remote)?,
        };
        // What begins with `-` would be an option of the program at the other end.
        let is_option = target.path.starts_with('-');
        if target.host.is_empty() || target.path.is_empty() || is_option {
            return Err(wrong("it has no host, or no path"));
        }
        if target.path.contains(char::is_control) || target.user.contains(char::is_control) {
            return Err(wrong("it has control characters"));
        }
        Ok(target)
    }

    /// Returns the command for the server's shell.
    pub(super) fn command(&self, service: &str) -> String {
        format!("{service} {}", quoted(&self.path))
    }
}

fn wrong(why: &str) -> Trouble {
    Trouble::Missing(format!("repository at this URL: {why}"))
}

fn of_url(remote: &str) -> Result<Target, Trouble> {
    let url = Url::parse(remote).map_err(|error| wrong(&error.to_string()))?;
    if url.password().is_some() {
        return Err(wrong("a password in a URL gets into logs, and ssh is used with a key"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has a `?` or `#`"));
    }
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(|text| text.into_owned()).map_err(|_| wrong("it is no UTF-8"))
    };
    let path = decoded(url.path())?;
    // `/~user/x` is below the home folder of a user.
    let path = match path.strip_prefix('/') {
        Some(of_user) if of_user.starts_with('~') => of_user.to_owned(),
        _ => path,
    };
    let user = decoded(url.username())?;
    Ok(Target {
        user: if user.is_empty() { USER.to_owned() } else { user },
        host: bare(url.host_str().unwrap_or_default()),
        port: url.port().unwrap_or(22),
        path,
    })
}

fn of_short_form(remote: &str) -> Result<Target, Trouble> {
    let not_ssh = || wrong("it must look like `ssh://user@host/path` or `user@host:path`");
    if remote.contains("://") {
        return Err(not_ssh());
    }
    let (user, rest) = remote.split_once('@').ok_or_else(not_ssh)?;
    // An address of IPv6 has colons of its own and stands in brackets.
    let (host, path) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").ok_or_else(not_ssh)?,
        None => rest.split_once(':').ok_or_else(not_ssh)?,
    };
    if user.is_empty() || user.contains(['/', ':']) || host.contains('/') {
        return Err(not_ssh());
    }
    Ok(Target { user: user.to_owned(), host: bare(host), port: 22, path: path.to_owned() })
}

fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

/// Quotes for a shell, `!` too, which some shells would take for their own.
fn quoted(path: &str) -> String {
    let mut quoted = String::from("'");
    for c in path.chars() {
        match c {
            '\'' | '!' => quoted.extend(["'\\", c.encode_utf8(&mut [0; 4]), "'"]),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        for (remote, user, host, port, path) in [
            ("ssh://git@a.b/c/d.git", "git", "a.b", 22, "/c/d.git"),
            ("ssh://a.b:2222/c", "git", "a.b", 2222, "/c"),
            ("ssh://me@[::1]:22/c", "me", "::1", 22, "/c"),
            ("ssh://me@a.b/~/c", "me", "a.b", 22, "~/c"),
            ("ssh://m%40e@a.b/c%20d", "m@e", "a.b", 22, "/c d"),
            ("git@a.b:c/d.git", "git", "a.b", 22, "c/d.git"),
            ("git@a.b:/c", "git", "a.b", 22, "/c"),
            ("git@[::1]:c", "git", "::1", 22, "c"),
        ] {
            let expect = Target {
                user: user.to_owned(),
                host: host.to_owned(),
                port,
                path: path.to_owned(),
            };
            assert_eq!(Target::parsed(remote).unwrap(), expect, "{remote}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for remote in [
            "https://a.b/c",
            "ssh://git:hunter2@a.b/c",
            "ssh://a.b/c?d",
            "ssh://a.b/c%0Ad",
            "a.b:c",
            "git@a.b",
            "git@a.b:",
            "git@a.b:-oProxyCommand=x",
            "@a.b:c",
            "../c@d:e",
            "",
        ] {
            let trouble = Target::parsed(remote).unwrap_err();
            assert!(!trouble.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn a_shell_sees_one_word() {
        for (path, expect) in [
            ("/c/d.git", "git-upload-pack '/c/d.git'"),
            ("/it's", r"git-upload-pack '/it'\''s'"),
            ("/a!b", r"git-upload-pack '/a'\!'b'"),
            ("/$(x) `y`;z", "git-upload-pack '/$(x) `y`;z'"),
        ] {
            let target = Target::parsed(&format!("git@a.b:{path}")).unwrap();
            assert_eq!(target.command("git-upload-pack"), expect);
        }
    }
}
