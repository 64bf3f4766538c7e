//! The header `Authorization`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Url, header::HeaderValue};

use super::app::App;
use crate::store::Trouble;
use crate::store::credentials::Credentials;

/// What proves who asks.
pub(super) enum Proof {
    /// The same each time, or nothing.
    Fixed(Option<HeaderValue>),
    /// A token that is renewed.
    App(Box<App>),
}

impl Proof {
    /// Makes it for a repository, and takes a user's name out of its URL.
    pub(super) fn of(credentials: &Credentials, url: &mut Url) -> Result<Self, Trouble> {
        let in_url = url.username().to_owned();
        if url.password().is_some() {
            return Err(unusable("a password in a URL gets into logs: give it as a credential"));
        }
        if !in_url.is_empty() {
            url.set_username("").map_err(|()| unusable("the user's name in the URL"))?;
        }
        Ok(match credentials {
            Credentials::Ambient => Self::Fixed(None),
            Credentials::Basic { username, password } => {
                let username = match username.trim() {
                    "" if !in_url.is_empty() => &in_url,
                    "" if url.as_str().contains("github") => "x-access-token",
                    username => username,
                };
                let both = STANDARD.encode(format!("{username}:{}", password.expose()));
                Self::Fixed(Some(header(&format!("Basic {both}"))?))
            }
            Credentials::Token(token) => {
                Self::Fixed(Some(header(&format!("Bearer {}", token.expose()))?))
            }
            Credentials::GithubApp { app_id, installation_id, private_key, api_url } => {
                let (key, api) = (private_key.expose(), api_url.as_deref());
                Self::App(Box::new(App::new(app_id, installation_id, key, api, url)?))
            }
            other => {
                return Err(unusable(&format!("{} cannot be used with https", other.kind())));
            }
        })
    }

    pub(super) async fn header(&self, client: &Client) -> Result<Option<HeaderValue>, Trouble> {
        match self {
            Self::Fixed(header) => Ok(header.clone()),
            Self::App(app) => app.header(client).await.map(Some),
        }
    }

    /// Whether there may be better proof than `refused`, which the server did not accept.
    pub(super) async fn renew(&self, refused: Option<&HeaderValue>) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::App(app) => app.forget(refused).await,
        }
    }
}

/// Makes a header that is never shown.
pub(super) fn header(value: &str) -> Result<HeaderValue, Trouble> {
    let mut header = HeaderValue::try_from(value)
        .map_err(|_| unusable("they hold characters that no header can have"))?;
    header.set_sensitive(true);
    Ok(header)
}

pub(super) fn unusable(why: &str) -> Trouble {
    Trouble::Credentials(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::store::credentials::Secret;

    fn basic(username: &str, password: &str) -> Credentials {
        Credentials::Basic { username: username.to_owned(), password: Secret::new(password) }
    }

    fn token(token: &str) -> Credentials {
        Credentials::Token(Secret::new(token))
    }

    fn decoded(credentials: &Credentials, url: &str) -> String {
        let mut url = Url::parse(url).unwrap();
        let Ok(Proof::Fixed(Some(header))) = Proof::of(credentials, &mut url) else {
            panic!("{url}")
        };
        assert!(header.is_sensitive());
        assert_eq!(url.username(), "");
        let header = header.to_str().unwrap();
        match header.strip_prefix("Basic ") {
            Some(both) => String::from_utf8(STANDARD.decode(both).unwrap()).unwrap(),
            None => header.to_owned(),
        }
    }

    #[test]
    fn the_name_is_the_given_one_the_urls_or_githubs() {
        for (credentials, url, expect) in [
            (basic("me", "secret\n"), "https://github.com/a/b", "me:secret"),
            (basic("", "secret"), "https://github.com/a/b", "x-access-token:secret"),
            (basic("", "secret"), "https://git.example.com/github/b", "x-access-token:secret"),
            (basic("", "secret"), "https://gitlab.com/a/b", ":secret"),
            (basic("", "secret"), "https://you@dev.azure.com/a", "you:secret"),
            (basic("me\n", "a:b"), "https://you@dev.azure.com/a", "me:a:b"),
            (token("t\n"), "https://a.b/c", "Bearer t"),
        ] {
            assert_eq!(decoded(&credentials, url), expect);
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_not_shown() {
        let key =
            Credentials::Ssh { private_key: Secret::new("hunter2"), known_hosts: String::new() };
        for (credentials, url) in [
            (Credentials::Ambient, "https://me:hunter2@a.b/c"),
            (token("hunter2\nx: y"), "https://a.b/c"),
            (key, "https://a.b/c"),
        ] {
            let mut url = Url::parse(url).unwrap();
            let Err(trouble) = Proof::of(&credentials, &mut url) else { panic!("{url}") };
            assert!(matches!(trouble, Trouble::Credentials(_)));
            assert!(!format!("{trouble} {trouble:?}").contains("hunter2"));
        }
    }
}
