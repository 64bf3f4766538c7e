//! Who a state store is asked as: from a Secret (contract.md 5.4, 5.5), or from variables.
//!
//! Nothing here is ever shown: neither by `Debug`, nor in an error.

mod secret;
#[cfg(test)]
mod tests;
mod variables;

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::contract::Object;
use crate::exit::{Exit, Fault};
use crate::files::FileError;

pub use secret::Secret;
pub use variables::{Lookup, from_variables};

/// Who a state store is asked as.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// Nobody, or whoever the surroundings say: nobody for Git; for a bucket the roles of a node or pod, and the variables
    /// and files that the cloud's own tools read.
    Ambient,
    /// Name and password, for Git over https.
    Basic {
        /// May be empty: then it is `x-access-token` for URLs with `github`.
        username: String,
        /// The password, or a token that stands for one.
        password: Secret,
    },
    /// A token for `Authorization: Bearer`, for Git over https.
    Token(Secret),
    /// A GitHub App, which trades its key for tokens that live an hour.
    GithubApp {
        /// The App.
        app_id: String,
        /// Its installation in an organisation.
        installation_id: String,
        /// Its RSA key: PKCS#1 or PKCS#8, PEM.
        private_key: Secret,
        /// Where tokens are to be had; `None`: the host of the repository says.
        api_url: Option<String>,
    },
    /// A key, for Git over ssh.
    Ssh {
        /// The key, without a passphrase.
        private_key: Secret,
        /// The lines of a `known_hosts` file. Only hosts in it are trusted.
        known_hosts: String,
    },
    /// Static keys, for a bucket of S3.
    Keys {
        /// The name of the key.
        access_key_id: String,
        /// The key.
        secret_access_key: Secret,
        /// What temporary keys have beside.
        session_token: Option<Secret>,
    },
}

impl Credentials {
    /// Returns what kind of credentials these are, for messages and logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ambient => "none of our own",
            Self::Basic { .. } => "a password",
            Self::Token(_) => "a token",
            Self::GithubApp { .. } => "a GitHub App",
            Self::Ssh { .. } => "an ssh key",
            Self::Keys { .. } => "an access key",
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.kind())
    }
}

/// How a state store wants to be asked (`spec.authMethod`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// `basicAuth`.
    Basic,
    /// `ssh`.
    Ssh,
    /// `githubApp`.
    GithubApp,
    /// `accessKey`.
    AccessKey,
    /// `IAM`: no Secret.
    Iam,
}

impl AuthMethod {
    /// Reads that of a GitStateStore; nothing, or an empty text, is `basicAuth`.
    pub fn of_git(text: Option<&str>) -> Result<Self, CredentialsError> {
        match text.unwrap_or_default() {
            "" | "basicAuth" => Ok(Self::Basic),
            "ssh" => Ok(Self::Ssh),
            "githubApp" => Ok(Self::GithubApp),
            other => Err(CredentialsError::method(other, "basicAuth, ssh or githubApp")),
        }
    }

    /// Reads that of a BucketStateStore; nothing, or an empty text, is `accessKey`.
    pub fn of_bucket(text: Option<&str>) -> Result<Self, CredentialsError> {
        match text.unwrap_or_default() {
            "" | "accessKey" => Ok(Self::AccessKey),
            "IAM" => Ok(Self::Iam),
            other => Err(CredentialsError::method(other, "accessKey or IAM")),
        }
    }
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic => "basicAuth",
            Self::Ssh => "ssh",
            Self::GithubApp => "githubApp",
            Self::AccessKey => "accessKey",
            Self::Iam => "IAM",
        })
    }
}

/// Returns the data of a Secret, decoded.
///
/// # Errors
/// When a value is no base64, which no API server lets pass.
pub fn secret_data(secret: &Object) -> Result<BTreeMap<String, Vec<u8>>, CredentialsError> {
    let entries = |field| secret.at(&[field]).and_then(Value::as_object).into_iter().flatten();
    let mut data: BTreeMap<String, Vec<u8>> = entries("data")
        .map(|(key, value)| {
            let text = value.as_str().unwrap_or_default();
            match STANDARD.decode(text) {
                Ok(bytes) => Ok((key.clone(), bytes)),
                Err(_) => Err(CredentialsError::of_secret(key, "is no base64")),
            }
        })
        .collect::<Result<_, _>>()?;
    // A folder has no API server that turns it into `data`.
    data.extend(
        entries("stringData").map(|(key, value)| {
            (key.clone(), value.as_str().unwrap_or_default().as_bytes().to_vec())
        }),
    );
    Ok(data)
}

impl Credentials {
    /// Reads the data of a Secret.
    ///
    /// # Errors
    /// Every missing key at once, or one that is no text.
    pub fn from_secret(
        method: AuthMethod,
        data: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Self, CredentialsError> {
        let mut keys = Keys { data, missing: Vec::new(), wrong: None };
        let credentials = match method {
            AuthMethod::Basic => Self::Basic {
                username: keys.optional("username"),
                password: keys.secret("password"),
            },
            AuthMethod::Ssh => Self::Ssh {
                private_key: keys.secret("sshPrivateKey"),
                known_hosts: keys.required("knownHosts"),
            },
            AuthMethod::GithubApp => Self::GithubApp {
                app_id: keys.required("appID"),
                installation_id: keys.required("installationID"),
                private_key: keys.secret("privateKey"),
                api_url: None,
            },
            AuthMethod::AccessKey => Self::Keys {
                access_key_id: keys.required("accessKeyID"),
                secret_access_key: keys.secret("secretAccessKey"),
                session_token: None,
            },
            AuthMethod::Iam => Self::Ambient,
        };
        match (keys.wrong, keys.missing) {
            (Some(error), _) => Err(error),
            (None, missing) if missing.is_empty() => Ok(credentials),
            (None, missing) => Err(CredentialsError::Missing { method, keys: missing }),
        }
    }
}

/// The data of a Secret, and what is wrong with it.
struct Keys<'a> {
    data: &'a BTreeMap<String, Vec<u8>>,
    missing: Vec<&'static str>,
    wrong: Option<CredentialsError>,
}

impl Keys<'_> {
    fn optional(&mut self, key: &'static str) -> String {
        let bytes = self.data.get(key).map(Vec::as_slice).unwrap_or_default();
        let Ok(text) = std::str::from_utf8(bytes) else {
            self.wrong = Some(CredentialsError::of_secret(key, "is no UTF-8 text"));
            return String::new();
        };
        text.trim().to_owned()
    }

    fn required(&mut self, key: &'static str) -> String {
        let text = self.optional(key);
        if text.is_empty() {
            self.missing.push(key);
        }
        text
    }

    fn secret(&mut self, key: &'static str) -> Secret {
        Secret::new(&self.required(key))
    }
}

/// Why credentials cannot be used. No text has any of them in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A Secret without what its store's `authMethod` needs.
    #[error("the Secret has no {} for `authMethod: {method}`", list(keys))]
    Missing {
        /// What it must be for.
        method: AuthMethod,
        /// The keys that are not there, or empty.
        keys: Vec<&'static str>,
    },
    /// A key of a Secret, or a variable, that holds something else.
    #[error("`{key}` {fault}")]
    Wrong {
        /// Which one.
        key: String,
        /// What is wrong with it.
        fault: String,
        /// What to do about it.
        hint: String,
    },
    /// A file that a variable names cannot be read.
    #[error("failed to read what `{variable}` names")]
    File {
        /// The variable.
        variable: String,
        /// Why.
        source: FileError,
    },
}

impl CredentialsError {
    fn method(text: &str, allowed: &str) -> Self {
        let fault = format!("is `{}`, which is no such method", text.escape_debug());
        Self::Wrong { key: "authMethod".to_owned(), fault, hint: format!("use {allowed}") }
    }

    fn of_secret(key: &str, fault: &str) -> Self {
        let hint = "set it anew, for instance with `kubectl create secret generic --from-file`";
        Self::Wrong { key: key.to_owned(), fault: fault.to_owned(), hint: hint.to_owned() }
    }

    fn of_variables(key: &str, fault: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Wrong { key: key.to_owned(), fault: fault.into(), hint: hint.into() }
    }

    /// Returns what to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Missing { keys, .. } => format!("add {} to the Secret", list(keys)),
            Self::Wrong { hint, .. } => hint.clone(),
            Self::File { variable, source } => {
                source.hint().unwrap_or_else(|| format!("check the file that `{variable}` names"))
            }
        }
    }
}

impl Fault for CredentialsError {
    fn exit(&self) -> Exit {
        match self {
            Self::Missing { .. } => Exit::Refused,
            Self::Wrong { .. } => Exit::Usage,
            Self::File { .. } => Exit::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(self.advice())
    }
}

fn list(keys: &[&'static str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ")
}
