//! How commits are made, as the settings of an installation say.

use crate::contract::{Object, ObjectKey, kinds};
use crate::core::config::CommitTexts;
use crate::exit::{Exit, Fault};
use crate::store::credentials::{CredentialsError, secret_data};
use crate::store::git::{CommitSettings, Commits, SigningKey};

pub use crate::store::git::CommitError;

/// Key of a Secret that holds a private ssh key, as in those of state stores (contract.md 5.4).
const KEY: &str = "sshPrivateKey";

/// Reads how commits are made; the committer is named by the state store (contract.md 5.4).
///
/// # Errors
/// When a template asks for what is not known, or a key of a trailer is none.
pub fn commits(
    texts: &CommitTexts,
    store: &Object,
    key: Option<SigningKey>,
) -> Result<Commits, CommitError> {
    let set = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let committer = |field| store.text_at(&["spec", "gitAuthor", field]).map(str::to_owned);
    let trailers = texts.trailers.iter();
    Commits::new(CommitSettings {
        update: set(&texts.message),
        delete: set(&texts.delete_message),
        author_name: set(&texts.author.name),
        author_email: set(&texts.author.email),
        committer_name: committer("name"),
        committer_email: committer("email"),
        trailers: trailers.map(|(key, value)| (key.clone(), value.clone())).collect(),
        together: texts.together,
        key,
    })
}

/// Makes sure that settings can be used, before there is a state store or a key.
///
/// # Errors
/// Those of [`commits`].
pub fn check(texts: &CommitTexts) -> Result<(), CommitError> {
    commits(texts, &Object::default(), None).map(|_| ())
}

/// Returns the Secret with the key that signs commits; `None` when they are not signed. `namespace` is that of the installation.
pub fn signing_secret(texts: &CommitTexts, namespace: &str) -> Option<ObjectKey> {
    let named = &texts.signing_key_secret_ref;
    let namespace = if named.namespace.is_empty() { namespace } else { &named.namespace };
    (!named.name.is_empty()).then(|| kinds::SECRET.object(Some(namespace), &named.name))
}

/// Why there is no key that signs commits. Nothing of the Secret is repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// The Secret does not hold what it should.
    #[error("the Secret of `git.commits.signingKeySecretRef` cannot be used")]
    Secret {
        /// Why.
        source: CredentialsError,
    },
    /// The key that it holds.
    #[error("`{KEY}` in the Secret of `git.commits.signingKeySecretRef` cannot be used")]
    Key {
        /// Why.
        source: CommitError,
    },
}

impl Fault for SigningKeyError {
    fn exit(&self) -> Exit {
        Exit::Refused
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Secret { source } => source.advice(),
            Self::Key { .. } => format!(
                "give it a key in OpenSSH's form under `{KEY}`, as `ssh-keygen -N ''` makes it"
            ),
        })
    }
}

/// Reads the key that signs commits from its Secret.
///
/// # Errors
/// When there is none in it, or one with a passphrase.
pub fn signing_key(secret: &Object) -> Result<SigningKey, SigningKeyError> {
    let data = secret_data(secret).map_err(|source| SigningKeyError::Secret { source })?;
    let text = data.get(KEY).map(Vec::as_slice).unwrap_or_default();
    SigningKey::parse(&String::from_utf8_lossy(text))
        .map_err(|source| SigningKeyError::Key { source })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::config::SecretName;

    #[test]
    fn templates_that_cannot_be_used_are_told() {
        let fault = |texts: CommitTexts| check(&texts).err().map(|e| e.to_string());
        assert_eq!(fault(CommitTexts::default()), None);
        let good = CommitTexts {
            message: concat!("{promise} [{annotation", ":x}]").into(),
            ..Default::default()
        };
        assert_eq!(fault(good), None);
        for (texts, expected) in [
            (CommitTexts { message: "{what}".into(), ..Default::default() }, "asks for `what`"),
            (CommitTexts { delete_message: "}".into(), ..Default::default() }, "has a `}` alone"),
            (
                CommitTexts {
                    trailers: [("A b".to_owned(), "x".to_owned())].into(),
                    ..Default::default()
                },
                "is no key of a trailer",
            ),
        ] {
            let told = fault(texts).unwrap_or_default();
            assert!(told.contains(expected), "{told}");
        }
    }

    #[test]
    fn the_key_is_in_the_secret_that_is_named() {
        let named = |name: &str, namespace: &str| {
            let signing_key_secret_ref =
                SecretName { name: name.into(), namespace: namespace.into() };
            let texts = CommitTexts { signing_key_secret_ref, ..CommitTexts::default() };
            signing_secret(&texts, "platform").map(|key| (key.namespace.unwrap(), key.name))
        };
        assert_eq!(named("", ""), None);
        assert_eq!(named("a", ""), Some(("platform".into(), "a".into())));
        assert_eq!(named("a", "b"), Some(("b".into(), "a".into())));
    }

    #[test]
    fn what_is_no_key_is_told_and_not_shown() {
        for data in [json!({}), json!({"sshPrivateKey": "c2VjcmV0"}), json!({"other": "c2VjcmV0"})]
        {
            let secret = Object::from_value(json!({"data": data})).unwrap();
            let error = signing_key(&secret).unwrap_err();
            let told = format!("{}; {}", crate::exit::chain(&error), error.hint().unwrap());
            assert!(told.contains("`sshPrivateKey` in the Secret of"), "{told}");
            assert!(!told.contains("secret") && !told.contains("c2VjcmV0"), "{told}");
        }
        let secret = Object::from_value(json!({"data": {"sshPrivateKey": "?"}})).unwrap();
        assert!(crate::exit::chain(&signing_key(&secret).unwrap_err()).contains("is no base64"));
    }
}
