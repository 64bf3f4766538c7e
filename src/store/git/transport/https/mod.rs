//! Git's "smart" protocol over https: a GET for the list of references, a POST for each question.

mod answer;
mod app;
mod login;
mod stream;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use git2::transport::Service;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use reqwest::{Body, Client, Response, Url, redirect};

pub use self::answer::Busy;
pub(in crate::store::git) use self::answer::plain;
use self::login::Proof;
pub(super) use self::stream::Exchange;
use super::Settings;
use super::bridge::Bridge;
use crate::store::credentials::Credentials;
use crate::store::{Trouble, tls};

/// GitHub speaks Git only with programs whose name begins with `git/`.
const USER_AGENT: &str = concat!("git/2.0 (bookend ", env!("CARGO_PKG_VERSION"), ")");

/// A connection that is older when it is wanted again is likely to be closed at the other end.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// A repository is moved once, and its server perhaps once more.
const REDIRECTS_MAX: usize = 4;

/// A repository at a URL.
pub(super) struct Https {
    client: Client,
    /// Where it is: as given, until the server sends us elsewhere.
    url: Mutex<Url>,
    proof: Proof,
}

impl Https {
    pub(super) fn new(
        remote: &str,
        credentials: &Credentials,
        settings: &Settings,
    ) -> Result<Self, Trouble> {
        let wrong = |why: &str| Trouble::Missing(format!("repository at this URL: {why}"));
        let mut url = Url::parse(remote).map_err(|error| wrong(&error.to_string()))?;
        let is_plain = url.scheme() == "http" && settings.plain_on_loopback && is_loopback(&url);
        if url.scheme() != "https" && !is_plain {
            return Err(wrong("it must begin with `https://`"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a `?` or `#`"));
        }
        let proof = Proof::of(credentials, &mut url)?;
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        let client = Client::builder()
            .tls_backend_preconfigured(tls::config(settings.authorities.as_deref(), true)?)
            .connect_timeout(settings.timeouts.connect)
            .pool_idle_timeout(IDLE_MAX)
            .redirect(redirect::Policy::none())
            .referer(false)
            .http1_only()
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| Trouble::Other(crate::exit::chain(&error.without_url())))?;
        Ok(Self { client, url: Mutex::new(url), proof })
    }

    /// Begins a step of a conversation. The list of references is asked for at once, so that it is known to be there.
    pub(super) fn action(
        self: &Arc<Self>,
        bridge: &Arc<Bridge>,
        service: Service,
    ) -> Result<Exchange, Trouble> {
        let name = name(service);
        match service {
            Service::UploadPackLs | Service::ReceivePackLs => {
                // The proof may need a request of its own, so there are two first bytes to wait for.
                let limit = bridge.timeouts.connect + bridge.timeouts.first_byte;
                let answer = bridge.wait(limit, self.references(name))?;
                Ok(Exchange::reading(Arc::clone(bridge), answer))
            }
            Service::UploadPack | Service::ReceivePack => {
                let is_push = service == Service::ReceivePack;
                Ok(Exchange::asking(Arc::clone(bridge), Arc::clone(self), name, is_push))
            }
        }
    }

    /// Asks for the list of references. Only here redirects are followed, and what was found is kept: a push never goes
    /// where nobody has looked.
    async fn references(&self, service: &str) -> Result<Response, Trouble> {
        let given = self.base();
        let suffix = format!("/info/refs?service={service}");
        let mut url = extended(&given, &suffix)?;
        let mut has_renewed = false;
        let mut has_retried = false;
        for _ in 0..=REDIRECTS_MAX {
            let proof = self.proof.header(&self.client).await?;
            let mut request = self.client.get(url.clone()).header(ACCEPT, "*/*");
            if let Some(proof) = &proof {
                request = request.header(AUTHORIZATION, proof.clone());
            }
            let response = match request.send().await {
                Ok(response) => response,
                // The server had closed an idle connection just when it was wanted.
                Err(error) if error.is_request() && !error.is_connect() && !has_retried => {
                    has_retried = true;
                    continue;
                }
                Err(error) => return Err(answer::of_error(error)),
            };
            if response.status() == 401 && !has_renewed && self.proof.renew(proof.as_ref()).await {
                has_renewed = true;
                continue;
            }
            if response.status().is_redirection() {
                url = moved(&url, &response)?;
                continue;
            }
            let response = answer::checked(response).await?;
            is_of(&response, &format!("application/x-{service}-advertisement"))?;
            if let Some(found) = url.as_str().strip_suffix(&suffix) {
                let found = Url::parse(found).map_err(|error| Trouble::Other(error.to_string()))?;
                *self.url.lock().unwrap_or_else(PoisonError::into_inner) = found;
            } else if url != extended(&given, &suffix)? {
                return Err(Trouble::Other("it redirects to what is no repository".to_owned()));
            }
            return Ok(response);
        }
        Err(Trouble::Other("it redirects in a circle".to_owned()))
    }

    /// Asks a question. `body` is told where it is known to be asked again, when that does no harm.
    async fn ask(self: Arc<Self>, service: &'static str, body: Body) -> Result<Response, Trouble> {
        let url = extended(&self.base(), &format!("/{service}"))?;
        let proof = self.proof.header(&self.client).await?;
        let mut request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, format!("application/x-{service}-request"))
            .header(ACCEPT, format!("application/x-{service}-result"))
            .body(body);
        if let Some(proof) = proof {
            request = request.header(AUTHORIZATION, proof);
        }
        let response = request.send().await.map_err(answer::of_error)?;
        let response = answer::checked(response).await?;
        is_of(&response, &format!("application/x-{service}-result"))?;
        Ok(response)
    }

    fn base(&self) -> Url {
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn name(service: Service) -> &'static str {
    match service {
        Service::UploadPackLs | Service::UploadPack => "git-upload-pack",
        Service::ReceivePackLs | Service::ReceivePack => "git-receive-pack",
    }
}

fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

fn extended(base: &Url, suffix: &str) -> Result<Url, Trouble> {
    let text = format!("{}{suffix}", base.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|error| Trouble::Other(error.to_string()))
}

/// Where a redirect leads: never to another server, which would get the credentials, and never away from TLS.
fn moved(from: &Url, response: &Response) -> Result<Url, Trouble> {
    let to = response.headers().get(LOCATION).and_then(|to| from.join(to.to_str().ok()?).ok());
    let to = to.ok_or_else(|| Trouble::Other("it redirects to nowhere".to_owned()))?;
    if to.origin() == from.origin() && to.username().is_empty() && to.password().is_none() {
        return Ok(to);
    }
    let host = to.host_str().unwrap_or_default();
    Err(Trouble::Missing(format!(
        "repository at this URL: it redirects to `{}://{host}`, which is another server; give its URL",
        to.scheme()
    )))
}

/// Makes sure that Git is at the other end, and no page to log in.
fn is_of(response: &Response, expect: &str) -> Result<(), Trouble> {
    let found = response.headers().get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    if found.split(|byte| *byte == b';').next() == Some(expect.as_bytes()) {
        return Ok(());
    }
    Err(Trouble::Missing(format!(
        "repository at this URL: the answer is `{}`, not Git's",
        plain(found, 60)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(remote: &str, is_plain: bool) -> Result<Https, Trouble> {
        let settings = Settings { plain_on_loopback: is_plain, ..Settings::default() };
        Https::new(remote, &Credentials::Ambient, &settings)
    }

    #[test]
    fn only_https_is_spoken_and_http_to_oneself_in_tests() {
        for (remote, is_plain, is_good) in [
            ("https://a.b/c.git", false, true),
            ("https://a.b/c.git/", false, true),
            ("http://a.b/c.git", false, false),
            ("http://a.b/c.git", true, false),
            ("http://127.0.0.1:1/c", false, false),
            ("http://127.0.0.1:1/c", true, true),
            ("http://localhost.evil.com/c", true, false),
            ("ftp://a.b/c", true, false),
            ("https://a.b/c?d=e", false, false),
            ("a.b/c", false, false),
        ] {
            assert_eq!(with(remote, is_plain).is_ok(), is_good, "{remote}");
        }
    }

    #[test]
    fn a_slash_at_the_end_is_none() {
        let base = with("https://a.b/c/", false).unwrap().base();
        assert_eq!(
            extended(&base, "/git-upload-pack").unwrap().as_str(),
            "https://a.b/c/git-upload-pack"
        );
        let base = with("https://a.b", false).unwrap().base();
        assert_eq!(extended(&base, "/info/refs").unwrap().as_str(), "https://a.b/info/refs");
    }
}
