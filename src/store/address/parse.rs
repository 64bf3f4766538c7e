//! Reads addresses of the command line.

use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use super::{Address, AddressError, BucketAddress, DEFAULT_BRANCH, GitAddress, Remote, Service};
use crate::core::placement::StorePath;

/// What may follow the `?` of a bucket's URL.
const PARAMETERS: &str = "endpoint, region, path-style, insecure, dual-stack, account";
/// The user of an ssh URL that names none: what Git hosts expect.
const SSH_USER: &str = "git";

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(AddressError::new("has no scheme"));
        };
        match scheme {
            "dir" if rest.is_empty() => Err(AddressError::new("names no folder")),
            "dir" => Ok(Self::Dir(PathBuf::from(rest))),
            "git+https" | "git+ssh" | "git+file" => git(text).map(Self::Git),
            "git+http" | "http" => Err(plain()),
            "s3" => bucket(text, Service::S3),
            "gs" => bucket(text, Service::Gcs),
            "az" => bucket(text, Service::Azure),
            "https" | "ssh" | "file" | "git" => {
                let better = if scheme == "git" { "ssh" } else { scheme };
                let hint = format!("for a Git repository, begin it with `git+{better}:`");
                Err(AddressError::with_hint(format!("begins with `{scheme}:`"), hint))
            }
            // Not shown: in `user:password@host` it is somebody's name.
            _ => Err(AddressError::new("begins with no scheme that is known")),
        }
    }
}

fn plain() -> AddressError {
    AddressError::with_hint(
        "begins with `http:`, where everybody on the way reads credentials and files",
        "use `https`",
    )
}

/// Reads `git+SCHEME://…#BRANCH:PATH`.
fn git(text: &str) -> Result<GitAddress, AddressError> {
    let text = text.strip_prefix("git+").unwrap_or(text);
    let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (branch, path) = fragment.split_once(':').unwrap_or((fragment, ""));
    let branch = match &*decoded(branch, "branch")? {
        "" => DEFAULT_BRANCH.to_owned(),
        branch => checked_branch(branch)?.to_owned(),
    };
    let path = folder(&decoded(path, "path")?)?;
    let remote = if let Some(path) = address.strip_prefix("file:") {
        Remote::File(file(path)?)
    } else {
        remote(address, UserName::Refused)?
    };
    Ok(GitAddress { remote, branch, path })
}

/// What becomes of `NAME@` in an https URL without a password: some hosts have it in the URLs they show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserName {
    /// It may be a token, and who types it should know that it is not used.
    Refused,
    /// It is left out: whose name it is, the Secret says.
    LeftOut,
}

/// Reads the URL of a repository: https or ssh.
pub(super) fn remote(text: &str, user_name: UserName) -> Result<Remote, AddressError> {
    let url = parsed(text)?;
    if url.password().is_some() || (url.scheme() == "https" && has_user(&url, user_name)) {
        return Err(credentials_inside());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(AddressError::new("names no host"));
    }
    if url.query().is_some() {
        return Err(AddressError::new("has a `?` in it, which no repository has"));
    }
    if matches!(url.path(), "" | "/") {
        return Err(AddressError::new("names no repository"));
    }
    let mut url = url;
    url.set_fragment(None);
    match url.scheme() {
        "https" => {
            // Neither fails: there is a host.
            _ = url.set_username("");
            Ok(Remote::Https(url.to_string()))
        }
        "ssh" => {
            if url.username().is_empty() {
                _ = url.set_username(SSH_USER);
            }
            Ok(Remote::Ssh(url.to_string()))
        }
        "http" => Err(plain()),
        other => Err(AddressError::new(format!("has the scheme `{other}`, not https or ssh"))),
    }
}

fn has_user(url: &Url, user_name: UserName) -> bool {
    user_name == UserName::Refused && !url.username().is_empty()
}

pub(super) fn credentials_inside() -> AddressError {
    AddressError::with_hint(
        "has credentials in it, which would be shown wherever it is",
        "take them out; give them by variables (`BOOKEND_GIT_…`, `AWS_…`), or in the Secret of the state store",
    )
}

/// Parses a URL; what is wrong with it is said without showing it.
fn parsed(text: &str) -> Result<Url, AddressError> {
    Url::parse(text).map_err(|error| AddressError::new(format!("is no URL: {error}")))
}

/// Reads what follows `file:` in the URL of a repository of this machine.
fn file(text: &str) -> Result<PathBuf, AddressError> {
    let path = text.strip_prefix("//localhost").or(text.strip_prefix("//")).unwrap_or(text);
    if !path.starts_with('/') {
        return Err(AddressError::with_hint(
            "has a path that does not begin with `/`",
            "write `git+file:///FOLDER/REPO.git`, with three `/`",
        ));
    }
    match path.trim_end_matches('/') {
        "" => Err(AddressError::new("names no repository")),
        path => Ok(PathBuf::from(decoded(path, "path")?)),
    }
}

/// Makes sure that a branch has a name that Git allows (`git check-ref-format`).
pub(super) fn checked_branch(branch: &str) -> Result<&str, AddressError> {
    let bad = |name: &str| name.is_empty() || name.starts_with('.') || name.ends_with(".lock");
    let forbidden =
        |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    let fault = branch.split('/').any(bad)
        || branch.contains(forbidden)
        || branch.contains("..")
        || branch.contains("@{")
        || branch.ends_with('.')
        || branch.starts_with('-')
        || branch == "@"
        || branch.len() > 255;
    if fault {
        let hint = "after the `#` stand the branch, a `:` and a folder: `#main:clusters/a`";
        let fault =
            format!("has `{}` for a branch, which Git does not allow", branch.escape_debug());
        return Err(AddressError::with_hint(fault, hint));
    }
    Ok(branch)
}

/// Reads the folder that is the root of a store.
pub(super) fn folder(text: &str) -> Result<StorePath, AddressError> {
    StorePath::of_setting(text).map_err(|error| {
        AddressError::with_hint(
            format!("has a folder that cannot be: {error}"),
            "name a folder below the root",
        )
    })
}

fn decoded(text: &str, what: &str) -> Result<String, AddressError> {
    let decoded = percent_decode_str(text).decode_utf8();
    let no_text = |_| AddressError::new(format!("has a {what} that is no UTF-8 after `%` is read"));
    decoded.map(std::borrow::Cow::into_owned).map_err(no_text)
}

/// Reads `SCHEME://BUCKET/PATH?…`.
fn bucket(text: &str, service: Service) -> Result<Address, AddressError> {
    let url = parsed(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(credentials_inside());
    }
    if url.port().is_some() {
        return Err(AddressError::with_hint(
            "has a port after the bucket's name",
            "give host and port as `?endpoint=HOST:PORT`",
        ));
    }
    if url.fragment().is_some() {
        return Err(AddressError::new("has a `#` in it, which only repositories have"));
    }
    let Some(name) = url.host_str().filter(|name| !name.is_empty()) else {
        return Err(AddressError::new("names no bucket"));
    };
    let mut address = BucketAddress {
        service,
        bucket: checked_bucket(name)?,
        path: folder(&decoded(url.path(), "path")?)?,
        endpoint: None,
        region: None,
        path_style: None,
        insecure: false,
        dual_stack: false,
        account: None,
    };
    let mut endpoint = None;
    for (key, value) in url.query_pairs() {
        match &*key {
            "endpoint" => endpoint = Some(value.into_owned()),
            "region" => address.region = Some(word("region", &value)?),
            "account" => address.account = Some(word("account", &value)?),
            "path-style" => address.path_style = Some(flag(&key, &value)?),
            "insecure" => address.insecure = flag(&key, &value)?,
            "dual-stack" => address.dual_stack = flag(&key, &value)?,
            // Its value is not shown: it may be a key.
            other => {
                let fault = format!("has `{}` after the `?`", other.escape_debug());
                return Err(AddressError::with_hint(
                    fault,
                    format!("these may be there: {PARAMETERS}"),
                ));
            }
        }
    }
    address.endpoint =
        endpoint.map(|endpoint| checked_endpoint(&endpoint, address.insecure)).transpose()?;
    Ok(Address::Bucket(address))
}

/// Makes sure that a bucket has a name that some service allows.
pub(super) fn checked_bucket(name: &str) -> Result<String, AddressError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if name.is_empty()
        || name.len() > 255
        || !name.chars().all(allowed)
        || matches!(name, "." | "..")
    {
        return Err(AddressError::with_hint(
            format!("has `{}` for a bucket", name.escape_debug()),
            "a bucket's name has letters, digits, `-`, `.` and `_`",
        ));
    }
    Ok(name.to_owned())
}

fn word(what: &str, value: &str) -> Result<String, AddressError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if value.is_empty() || !value.chars().all(allowed) {
        return Err(AddressError::new(format!("has `{}` for a {what}", value.escape_debug())));
    }
    Ok(value.to_owned())
}

fn flag(key: &str, value: &str) -> Result<bool, AddressError> {
    match value {
        "" | "true" => Ok(true),
        "false" => Ok(false),
        other => Err(AddressError::with_hint(
            format!("has `{}` for `{key}`", other.escape_debug()),
            format!("write `{key}=true` or `{key}=false`"),
        )),
    }
}

/// Reads `HOST[:PORT]`, also with a scheme before it; plain HTTP only when it is asked for.
pub(super) fn checked_endpoint(text: &str, insecure: bool) -> Result<String, AddressError> {
    let (scheme, place) =
        text.split_once("://").unwrap_or((if insecure { "http" } else { "https" }, text));
    match (scheme, insecure) {
        ("https", false) | ("http", true) => {}
        ("http", false) => {
            return Err(AddressError::with_hint(
                "has an endpoint with `http:`, where everybody on the way reads keys and files",
                "use https, or say `insecure=true` (`spec.insecure` of a BucketStateStore)",
            ));
        }
        ("https", true) => {
            return Err(AddressError::new(
                "has an endpoint with `https:`, and asks for plain HTTP",
            ));
        }
        _ => return Err(AddressError::new("has an endpoint with a scheme that is not https")),
    }
    let url = Url::parse(&format!("{scheme}://{place}"))
        .map_err(|error| AddressError::new(format!("has an endpoint that is no host: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(credentials_inside());
    }
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    match url.host_str().filter(|host| bare && !host.is_empty()) {
        Some(host) => {
            Ok(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
        }
        None => Err(AddressError::with_hint(
            "has an endpoint that is more than a host and a port",
            "write it as `HOST` or `HOST:PORT`; the bucket and its folder stand elsewhere",
        )),
    }
}
