//! Git's protocol over ssh: a program at the other end, its input and its output.
//!
//! Nothing of this machine is read: no `~/.ssh`, no agent, no configuration. A host is trusted by the `known_hosts` that is given,
//! and by nothing else.

mod known_hosts;
mod stream;
mod target;

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use git2::transport::Service;
use russh::client::{AuthResult, Config, Handle, Handler, Msg, connect_stream};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, Preferred};
use tokio::net::TcpStream;
use tokio::time::timeout;

use self::known_hosts::Known;
pub(super) use self::stream::Conversation;
use self::target::Target;
use super::bridge::Bridge;
use crate::exit::chain;
use crate::store::Trouble;
use crate::store::credentials::Credentials;

/// Silence after which the server is asked whether it is still there, and how often.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVES_MAX: usize = 3;

/// How long it is tried to use a connection that was left over, before there is a new one.
const AGAIN_WAIT_MAX: Duration = Duration::from_secs(3);

/// A repository behind ssh, and the connection to it, which is kept: a login takes longer than a small push.
pub(super) struct Ssh {
    target: Target,
    key: Arc<PrivateKey>,
    known: Arc<Known>,
    config: Arc<Config>,
    session: tokio::sync::Mutex<Option<Handle<Guard>>>,
}

impl Ssh {
    pub(super) fn new(remote: &str, credentials: &Credentials) -> Result<Self, Trouble> {
        let target = Target::parsed(remote)?;
        let unusable = |why: &str| Trouble::Credentials(why.to_owned());
        let Credentials::Ssh { private_key, known_hosts } = credentials else {
            return Err(unusable("ssh needs a private key and known_hosts"));
        };
        let key = russh::keys::decode_secret_key(private_key.expose(), None);
        let key = key.map_err(|error| {
            unusable(match error {
                russh::keys::Error::KeyIsEncrypted => "the ssh key has a passphrase",
                _ => "the ssh key is none of OpenSSH or PEM, or of a kind that is not supported",
            })
        })?;
        let known = Known::of(known_hosts, &target.host, target.port);
        let preferred = Preferred { key: Cow::Owned(known.algorithms()?), ..Preferred::default() };
        let config = Config {
            preferred,
            keepalive_interval: Some(KEEPALIVE),
            keepalive_max: KEEPALIVES_MAX,
            nodelay: true,
            ..Config::default()
        };
        Ok(Self {
            target,
            key: Arc::new(key),
            known: Arc::new(known),
            config: Arc::new(config),
            session: tokio::sync::Mutex::default(),
        })
    }

    /// Starts the program at the other end. The stream that comes of it is for all of one fetch or push.
    pub(super) fn action(
        self: &Arc<Self>,
        bridge: &Arc<Bridge>,
        service: Service,
    ) -> Result<Conversation, Trouble> {
        let service = match service {
            Service::UploadPackLs | Service::UploadPack => "git-upload-pack",
            Service::ReceivePackLs | Service::ReceivePack => "git-receive-pack",
        };
        let command = self.target.command(service);
        let channel = bridge.wait(bridge.timeouts.connect, self.started(command))?;
        Ok(Conversation::new(Arc::clone(bridge), channel))
    }

    /// Starts a command in the session that is there, or in a new one.
    async fn started(&self, command: String) -> Result<Channel<Msg>, Trouble> {
        let mut session = self.session.lock().await;
        // One that is left over may be dead without anybody having said so.
        if let Some(old) = session.take()
            && !old.is_closed()
            && let Ok(Ok(channel)) = timeout(AGAIN_WAIT_MAX, started_in(&old, &command)).await
        {
            *session = Some(old);
            return Ok(channel);
        }
        let new = self.connected().await?;
        let channel = started_in(&new, &command).await.map_err(of_error)?;
        *session = Some(new);
        Ok(channel)
    }

    async fn connected(&self) -> Result<Handle<Guard>, Trouble> {
        let Target { user, host, port, .. } = &self.target;
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(of_io)?;
        stream.set_nodelay(true).map_err(of_io)?;
        let distrust = Arc::new(Mutex::new(None));
        let guard = Guard { known: Arc::clone(&self.known), distrust: Arc::clone(&distrust) };
        let connected = connect_stream(Arc::clone(&self.config), stream, guard).await;
        if let Some(trouble) = distrust.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(trouble);
        }
        let mut session = connected.map_err(|error| match error {
            // It has none of the keys that are known.
            russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Key, .. } => {
                Trouble::Untrusted(
                    "the server has no host key of a kind that known_hosts has".into(),
                )
            }
            error => of_error(error),
        })?;
        let hash = if self.key.algorithm().is_rsa() { hash_of(&session).await? } else { None };
        let key = PrivateKeyWithHashAlg::new(Arc::clone(&self.key), hash);
        let answer = session.authenticate_publickey(user.clone(), key).await.map_err(of_error)?;
        match answer {
            AuthResult::Success => Ok(session),
            AuthResult::Failure { partial_success: true, .. } => Err(Trouble::Credentials(
                format!("the ssh server wants more of `{user}` than a key"),
            )),
            AuthResult::Failure { .. } => Err(Trouble::Credentials(format!(
                "the ssh server does not let `{user}` in with the key {}",
                self.key.fingerprint(HashAlg::Sha256)
            ))),
        }
    }
}

async fn started_in(session: &Handle<Guard>, command: &str) -> Result<Channel<Msg>, russh::Error> {
    let channel = session.channel_open_session().await?;
    channel.exec(true, command.as_bytes()).await?;
    Ok(channel)
}

/// How an RSA key shall sign: never with SHA-1, which a server that says nothing does not ask for either.
async fn hash_of(session: &Handle<Guard>) -> Result<Option<HashAlg>, Trouble> {
    match session.best_supported_rsa_hash().await.map_err(of_error)? {
        Some(None) => Err(Trouble::Credentials(
            "the ssh server takes RSA keys only with SHA-1, which is broken: use another kind of key"
                .to_owned(),
        )),
        Some(hash) => Ok(hash),
        None => Ok(Some(HashAlg::Sha512)),
    }
}

/// Looks at the server's key before anything is said to it.
struct Guard {
    known: Arc<Known>,
    distrust: Arc<Mutex<Option<Trouble>>>,
}

impl Handler for Guard {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        // Certificates are not asked for; as what they hold they say nothing.
        let checked = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.known.check(key),
            PublicKeyOrCertificate::Certificate(_) => {
                Err(Trouble::Untrusted("the server shows a certificate".into()))
            }
        };
        let is_known = checked.is_ok();
        if let Err(trouble) = checked {
            *self.distrust.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
        }
        Ok(is_known)
    }
}

fn of_error(error: russh::Error) -> Trouble {
    match error {
        russh::Error::IO(error) => of_io(error),
        error => Trouble::Unreachable(chain(&error).into()),
    }
}

fn of_io(error: io::Error) -> Trouble {
    Trouble::Unreachable(error.into())
}
