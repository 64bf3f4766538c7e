//! Reads the addresses in state store objects (contract.md 5.4, 5.5).

use serde_json::Value;

use super::parse::{
    UserName, checked_branch, checked_bucket, checked_endpoint, credentials_inside, folder, remote,
};
use super::{Address, AddressError, BucketAddress, DEFAULT_BRANCH, GitAddress, Remote, Service};
use crate::contract::Object;
use crate::core::placement::StorePath;
use crate::store::credentials::AuthMethod;

/// Hosts of AWS end so.
const AWS: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];

impl Address {
    /// Returns where a GitStateStore is.
    ///
    /// # Errors
    /// When it has no URL, one that its `authMethod` is not for, or a branch or path that cannot be.
    pub fn of_git_state_store(store: &Object) -> Result<Self, AddressError> {
        let url = required(store, "url")?;
        let method =
            AuthMethod::of_git(store.text_at(&["spec", "authMethod"])).map_err(|error| {
                AddressError::with_hint(format!("cannot be used: {error}"), error.advice())
            })?;
        let another_method = || {
            let hint = "`basicAuth` and `githubApp` are for `https://…`, `ssh` is for `git@HOST:REPO` or `ssh://git@HOST/REPO`";
            AddressError::with_hint(format!("is not one for `authMethod: {method}`"), hint)
        };
        let remote = match method {
            AuthMethod::Ssh => ssh(url)?,
            // `git@HOST:REPO`, which is no URL at all.
            _ if !url.contains("://") => return Err(another_method()),
            _ => remote(url, UserName::LeftOut)?,
        };
        match (&remote, method) {
            (Remote::Ssh(_), AuthMethod::Ssh)
            | (Remote::Https(_), AuthMethod::Basic | AuthMethod::GithubApp) => {}
            _ => return Err(another_method()),
        }
        let branch = match text(store, "branch") {
            "" => DEFAULT_BRANCH,
            branch => checked_branch(branch)?,
        };
        Ok(Self::Git(GitAddress { remote, branch: branch.to_owned(), path: path(store)? }))
    }

    /// Returns where a BucketStateStore is.
    ///
    /// # Errors
    /// When it has no bucket or endpoint, or any that cannot be.
    pub fn of_bucket_state_store(store: &Object) -> Result<Self, AddressError> {
        let flag = |field| store.at(&["spec", field]).and_then(Value::as_bool).unwrap_or(false);
        let insecure = flag("insecure");
        let endpoint = checked_endpoint(required(store, "endpoint")?, insecure)?;
        let host = endpoint.split(':').next().unwrap_or_default();
        Ok(Self::Bucket(BucketAddress {
            service: Service::S3,
            bucket: checked_bucket(required(store, "bucketName")?)?,
            path: path(store)?,
            region: region(host),
            // Whatever is not AWS has the bucket in the path, as a host name for each bucket needs DNS and certificates.
            path_style: Some(!is_aws(host)),
            endpoint: Some(endpoint),
            insecure,
            dual_stack: flag("useDualStack"),
            account: None,
        }))
    }
}

fn text<'a>(store: &'a Object, field: &str) -> &'a str {
    store.text_at(&["spec", field]).unwrap_or_default().trim()
}

fn required<'a>(store: &'a Object, field: &str) -> Result<&'a str, AddressError> {
    match text(store, field) {
        "" => Err(AddressError::with_hint(
            format!("is not complete: `spec.{field}` is missing"),
            format!("set `spec.{field}` of {} `{}`", store.kind(), store.name()),
        )),
        value => Ok(value),
    }
}

fn path(store: &Object) -> Result<StorePath, AddressError> {
    folder(store.text_at(&["spec", "path"]).unwrap_or_default())
}

/// Reads `[ssh://]USER@HOST…`.
fn ssh(text: &str) -> Result<Remote, AddressError> {
    if text.contains("://") {
        return remote(text, UserName::LeftOut);
    }
    let short = text.split_once('@').and_then(|(user, rest)| {
        let (host, path) = rest.split_once(':')?;
        Some((user, host, path))
    });
    let plain = |text: &str| {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '[' | ']');
        !text.is_empty() && !text.starts_with('-') && text.chars().all(allowed)
    };
    match short {
        Some((user, _, _)) if user.contains(':') => Err(credentials_inside()),
        Some((user, host, path)) if plain(user) && plain(host) && !path.is_empty() => {
            Ok(Remote::Ssh(text.to_owned()))
        }
        _ => Err(AddressError::with_hint(
            "is none for ssh",
            "write it as `git@HOST:REPO` or `ssh://git@HOST:PORT/REPO`",
        )),
    }
}

fn is_aws(host: &str) -> bool {
    AWS.iter().any(|end| host.ends_with(end))
}

/// Returns the region in the name of a host of AWS: `s3.eu-west-1.amazonaws.com`.
fn region(host: &str) -> Option<String> {
    let name = AWS.iter().find_map(|end| host.strip_suffix(end))?;
    let region = name.rsplit('.').next()?;
    let region = region.strip_prefix("s3-").unwrap_or(region);
    (!matches!(region, "s3" | "dualstack" | "")).then(|| region.to_owned())
}
