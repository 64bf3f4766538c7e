//! A GitHub App: its key signs for a token that lives an hour, which is then the password.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::answer;
use super::login::{header, unusable};
use crate::store::Trouble;

/// A token is renewed this long before its end: a push that begins with it may last.
const SPARE: Duration = Duration::from_secs(5 * 60);

/// For how long one signature is good. GitHub takes ten minutes at most.
const SIGNED_FOR: Duration = Duration::from_secs(9 * 60);

/// GitHub's clock may be behind ours.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// Most bytes of the answer with a token.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// An App that is installed somewhere, and its token.
pub(super) struct App {
    id: String,
    key: RsaKeyPair,
    tokens: Url,
    /// Locked while it is renewed: the others wait and have it then.
    token: Mutex<Option<Token>>,
}

struct Token {
    header: HeaderValue,
    ends: SystemTime,
}

/// The answer of GitHub.
#[derive(Deserialize)]
struct Granted {
    token: String,
    expires_at: Timestamp,
}

impl App {
    /// Checks what is given; `repository` says where tokens are to be had when `api` does not.
    pub(super) fn new(
        id: &str,
        installation: &str,
        key: &str,
        api: Option<&str>,
        repository: &Url,
    ) -> Result<Self, Trouble> {
        let (id, installation) = (id.trim(), installation.trim());
        // The App's id is a number, its client id is not; both are taken by GitHub.
        let is_word = |word: &str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
        };
        if !is_word(id) {
            return Err(unusable("the id of the GitHub App is neither a number nor a client id"));
        }
        if installation.is_empty() || !installation.chars().all(|c| c.is_ascii_digit()) {
            return Err(unusable("the installation id of the GitHub App is no number"));
        }
        let api = match api {
            Some(api) => {
                Url::parse(api).map_err(|_| unusable("the API's URL of the GitHub App"))?
            }
            None => api_of(repository)?,
        };
        if api.scheme() != repository.scheme() {
            return Err(unusable("the API's URL of the GitHub App must begin with `https://`"));
        }
        let tokens = format!(
            "{}/app/installations/{installation}/access_tokens",
            api.as_str().trim_end_matches('/')
        );
        let tokens =
            Url::parse(&tokens).map_err(|_| unusable("the API's URL of the GitHub App"))?;
        Ok(Self { id: id.to_owned(), key: parsed(key)?, tokens, token: Mutex::default() })
    }

    /// Returns the header with a token that is good for a while.
    pub(super) async fn header(&self, client: &Client) -> Result<HeaderValue, Trouble> {
        let mut token = self.token.lock().await;
        if let Some(token) = token.as_ref()
            && token.ends > SystemTime::now() + SPARE
        {
            return Ok(token.header.clone());
        }
        let fresh = self.fetch(client).await?;
        let header = fresh.header.clone();
        *token = Some(fresh);
        Ok(header)
    }

    /// Forgets a token that was refused. Says whether a new one may help: not when it was made for this very request.
    pub(super) async fn forget(&self, refused: Option<&HeaderValue>) -> bool {
        let mut token = self.token.lock().await;
        if token.as_ref().map(|token| &token.header) == refused {
            *token = None;
        }
        true
    }

    async fn fetch(&self, client: &Client) -> Result<Token, Trouble> {
        let signed = self.signed(SystemTime::now())?;
        let request = client
            .post(self.tokens.clone())
            .header(AUTHORIZATION, header(&format!("Bearer {signed}"))?)
            .header(ACCEPT, "application/vnd.github+json");
        let mut response = request.send().await.map_err(answer::of_error)?;
        if response.status() != StatusCode::CREATED {
            return Err(match answer::checked(response).await {
                Ok(_) => Trouble::Other("HTTP status 200 in place of a token".to_owned()),
                Err(Trouble::Missing(said)) => {
                    Trouble::Missing(format!("installation of the GitHub App there: {said}"))
                }
                Err(Trouble::Credentials(said)) => {
                    Trouble::Credentials(format!("no token for the GitHub App: {said}"))
                }
                Err(trouble) => trouble,
            });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(answer::of_error)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(no_token());
            }
        }
        // What cannot be read may hold the token: it is not quoted.
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| no_token())?;
        let both = STANDARD.encode(format!("x-access-token:{}", granted.token));
        Ok(Token { header: header(&format!("Basic {both}"))?, ends: granted.expires_at.into() })
    }

    /// Returns the JSON web token, signed with RS256, that asks for the other one.
    fn signed(&self, now: SystemTime) -> Result<String, Trouble> {
        let seconds = |time: SystemTime| {
            time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
        };
        let claims = serde_json::json!({
            "iat": seconds(now - CLOCKS_DIFFER), "exp": seconds(now + SIGNED_FOR), "iss": self.id,
        });
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| unusable("the key of the GitHub App cannot sign"))?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn no_token() -> Trouble {
    Trouble::Other("its answer holds no token".to_owned())
}

fn parsed(key: &str) -> Result<RsaKeyPair, Trouble> {
    let no_key = || unusable("the key of the GitHub App is no RSA key in PEM");
    let key = PrivateKeyDer::from_pem_slice(key.trim().as_bytes()).map_err(|_| no_key())?;
    match &key {
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        _ => return Err(no_key()),
    }
    .map_err(|_| no_key())
}

/// Where the API of a GitHub is: github.com's, that of a company in GitHub's cloud, or that of a server of one's own.
fn api_of(repository: &Url) -> Result<Url, Trouble> {
    let host = repository.host_str().unwrap_or_default();
    let api = if host == "github.com" || host.ends_with(".ghe.com") {
        format!("https://api.{host}")
    } else {
        let port = repository.port().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://{host}{port}/api/v3", repository.scheme())
    };
    Url::parse(&api).map_err(|_| unusable("the API's URL of the GitHub App"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_github_has_its_api() {
        for (repository, expect) in [
            ("https://github.com/a/b.git", "https://api.github.com/"),
            ("https://acme.ghe.com/a/b", "https://api.acme.ghe.com/"),
            ("https://git.acme.com:8443/a/b", "https://git.acme.com:8443/api/v3"),
        ] {
            let api = api_of(&Url::parse(repository).unwrap()).unwrap();
            assert_eq!(api.as_str(), expect);
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_not_shown() {
        let repository = Url::parse("https://github.com/a/b").unwrap();
        let pem = "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n";
        for (id, installation, key, api) in [
            ("1/../2", "3", pem, None),
            ("", "3", pem, None),
            ("1", "a", pem, None),
            ("1", "2", pem, None),
            ("1", "2", "hunter2", None),
            ("1", "2", pem, Some("http://api.github.com")),
            ("1", "2", pem, Some("hunter2")),
        ] {
            let Err(trouble) = App::new(id, installation, key, api, &repository) else {
                panic!("{id}");
            };
            let text = format!("{trouble} {trouble:?}");
            assert!(!text.contains("hunter2") && !text.contains("aHVu"), "{text}");
        }
    }
}
