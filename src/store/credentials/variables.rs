//! Credentials from variables: for `--to`, where there is no Secret.

use std::path::Path;

use super::{Credentials, CredentialsError, Secret};
use crate::files::read;
use crate::store::address::{Address, Remote, Service};

/// Finds the value of a variable; only `cli` reads the environment.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Largest file that a variable names.
const FILE_BYTES_MAX: u64 = 1 << 20;

const USERNAME: &str = "BOOKEND_GIT_USERNAME";
const PASSWORD: &str = "BOOKEND_GIT_PASSWORD";
const TOKEN: &str = "BOOKEND_GIT_TOKEN";
const SSH_KEY: &str = "BOOKEND_GIT_SSH_KEY";
const KNOWN_HOSTS: &str = "BOOKEND_GIT_KNOWN_HOSTS";
const APP_ID: &str = "BOOKEND_GITHUB_APP_ID";
const APP_INSTALLATION_ID: &str = "BOOKEND_GITHUB_APP_INSTALLATION_ID";
const APP_KEY: &str = "BOOKEND_GITHUB_APP_PRIVATE_KEY";
const APP_API_URL: &str = "BOOKEND_GITHUB_APP_API_URL";
const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

/// Returns the credentials that variables give for an address. Each may also name a file, with `_FILE` after its name.
///
/// For a bucket without static keys these are [`Credentials::Ambient`], and so they are for a repository on https when no variable
/// is set.
///
/// # Errors
/// Half of what belongs together, two kinds at once, or a file that cannot be read.
pub fn from_variables(
    address: &Address,
    lookup: Lookup<'_>,
) -> Result<Credentials, CredentialsError> {
    let variables = Variables { lookup };
    match address {
        Address::Git(git) => match git.remote {
            Remote::Https(_) => variables.https(),
            Remote::Ssh(_) => variables.ssh(),
            Remote::File(_) => Ok(Credentials::Ambient),
        },
        Address::Bucket(bucket) if bucket.service == Service::S3 => variables.keys(),
        Address::Bucket(_) | Address::Dir(_) => Ok(Credentials::Ambient),
    }
}

struct Variables<'a> {
    lookup: Lookup<'a>,
}

impl Variables<'_> {
    /// Returns the value of a variable, or of the file that its sister names; an empty one is none.
    fn optional(&self, name: &str) -> Result<Option<String>, CredentialsError> {
        let get = |name: &str| (self.lookup)(name).filter(|value| !value.trim().is_empty());
        let sister = format!("{name}_FILE");
        match (get(name), get(&sister)) {
            (Some(_), Some(_)) => Err(CredentialsError::of_variables(
                name,
                format!("is set, and so is `{sister}`"),
                "set one of them",
            )),
            (value @ Some(_), None) => Ok(value),
            (None, Some(path)) => Self::file(&sister, path.trim()).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn file(variable: &str, path: &str) -> Result<String, CredentialsError> {
        let wrong = |fault: &str| {
            let hint = format!("check `{path}`");
            CredentialsError::of_variables(variable, fault, hint)
        };
        let read = read::limited(Path::new(path), FILE_BYTES_MAX);
        let failed = |source| CredentialsError::File { variable: variable.to_owned(), source };
        let bytes = read.map_err(failed)?.ok_or_else(|| wrong("names a file that is not there"))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("names a file that is no text"))?;
        if text.trim().is_empty() { Err(wrong("names a file that is empty")) } else { Ok(text) }
    }

    fn required(&self, name: &str, why: &str) -> Result<String, CredentialsError> {
        self.optional(name)?.ok_or_else(|| {
            let hint = format!("set `{name}`, or `{name}_FILE` to the path of a file");
            CredentialsError::of_variables(name, format!("is not set, {why}"), hint)
        })
    }

    fn https(&self) -> Result<Credentials, CredentialsError> {
        let password = self.optional(PASSWORD)?;
        let token = self.optional(TOKEN)?;
        let app_id = self.optional(APP_ID)?;
        match (password, token, app_id) {
            (None, None, None) => match self.optional(USERNAME)? {
                Some(_) => Err(CredentialsError::of_variables(
                    USERNAME,
                    format!("is set, and `{PASSWORD}` is not"),
                    format!("set `{PASSWORD}` too"),
                )),
                None => Ok(Credentials::Ambient),
            },
            (Some(password), None, None) => {
                let username = self.optional(USERNAME)?.unwrap_or_default().trim().to_owned();
                Ok(Credentials::Basic { username, password: Secret::new(&password) })
            }
            (None, Some(token), None) => Ok(Credentials::Token(Secret::new(&token))),
            (None, None, Some(app_id)) => {
                let why = &format!("and `{APP_ID}` is");
                Ok(Credentials::GithubApp {
                    app_id: app_id.trim().to_owned(),
                    installation_id: self.required(APP_INSTALLATION_ID, why)?.trim().to_owned(),
                    private_key: Secret::new(&self.required(APP_KEY, why)?),
                    api_url: self.optional(APP_API_URL)?.map(|url| url.trim().to_owned()),
                })
            }
            (password, token, _) => {
                let (one, other) = match (password, token) {
                    (Some(_), Some(_)) => (PASSWORD, TOKEN),
                    (Some(_), None) => (PASSWORD, APP_ID),
                    (None, _) => (TOKEN, APP_ID),
                };
                let fault = format!("is set, and so is `{other}`");
                Err(CredentialsError::of_variables(one, fault, "set one of them"))
            }
        }
    }

    fn ssh(&self) -> Result<Credentials, CredentialsError> {
        let why = "and a repository on ssh needs it";
        Ok(Credentials::Ssh {
            private_key: Secret::new(&self.required(SSH_KEY, why)?),
            known_hosts: self.required(KNOWN_HOSTS, why)?,
        })
    }

    fn keys(&self) -> Result<Credentials, CredentialsError> {
        match (self.optional(ACCESS_KEY_ID)?, self.optional(SECRET_ACCESS_KEY)?) {
            (None, None) => Ok(Credentials::Ambient),
            (Some(id), Some(key)) => Ok(Credentials::Keys {
                access_key_id: id.trim().to_owned(),
                secret_access_key: Secret::new(&key),
                session_token: self.optional(SESSION_TOKEN)?.map(|text| Secret::new(&text)),
            }),
            (id, _) => {
                let (set, missing) = match id {
                    Some(_) => (ACCESS_KEY_ID, SECRET_ACCESS_KEY),
                    None => (SECRET_ACCESS_KEY, ACCESS_KEY_ID),
                };
                let fault = format!("is set, and `{missing}` is not");
                Err(CredentialsError::of_variables(set, fault, "set both, or none for a role"))
            }
        }
    }
}
