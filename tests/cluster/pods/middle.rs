//! Stands between a pod and the API server, with real TLS on both sides: counts requests, holds one of them, goes away,
//! or moves the clock that answers tell.
//!
//! A pod comes here because its containers are told another port of the API server's address (the variables that the
//! kubelet sets anyway); certificate, token and rights are the real ones.

use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use bookend::contract::Object;
use bookend::contract::pod::container;
use jiff::SignedDuration;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

use super::message::Message;
use super::node::{ADDRESS, folder};

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// They reach the server.
    Open,
    /// Nobody listens.
    Refused,
    /// They are reset as soon as something is sent.
    Reset,
    /// They are taken, and nothing comes back, not even a TLS handshake.
    Silent,
}

/// A running one; it ends with the process.
pub(super) struct Middle {
    address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    to_pods: Arc<ServerConfig>,
    to_server: Arc<ClientConfig>,
    clock_offset: SignedDuration,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    way: Way,
    requests: Vec<String>,
    /// Number of the request that is held, from 1.
    hold_at: usize,
    is_held: bool,
    is_released: bool,
}

impl Middle {
    /// Starts one that holds a request, counted from 1; 0 holds none.
    pub(super) fn holding(hold_at: usize) -> Self {
        Self::new(hold_at, SignedDuration::ZERO)
    }

    /// Starts one whose answers tell another time than the server's.
    pub(super) fn with_clock(offset: SignedDuration) -> Self {
        Self::new(0, offset)
    }

    fn new(hold_at: usize, clock_offset: SignedDuration) -> Self {
        let state = State {
            way: Way::Open,
            requests: Vec::new(),
            hold_at,
            is_held: false,
            is_released: false,
        };
        let inner = Arc::new(Inner {
            to_pods: server_config(),
            to_server: client_config(),
            clock_offset,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let listener = TcpListener::bind((ADDRESS, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let listening = Arc::clone(&inner);
        thread::spawn(move || listening.listen(listener, address));
        Self { address, inner }
    }

    /// Sends the three containers of a Job here.
    pub(super) fn lead(&self, mut job: Object) -> Object {
        let spec = &mut job.0["spec"]["template"]["spec"];
        for list in ["initContainers", "containers"] {
            for item in spec[list].as_array_mut().unwrap() {
                if container::ALL.contains(&item["name"].as_str().unwrap()) {
                    let variables = [
                        json!({ "name": "KUBERNETES_SERVICE_HOST", "value": ADDRESS }),
                        json!({ "name": "KUBERNETES_SERVICE_PORT", "value": self.port() }),
                    ];
                    match &mut item["env"] {
                        Value::Array(env) => env.extend(variables),
                        env => *env = json!(variables),
                    }
                }
            }
        }
        job
    }

    fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// Every request so far: method and path.
    pub(super) fn requests(&self) -> Vec<String> {
        self.inner.state.lock().unwrap().requests.clone()
    }

    /// Returns the request that is held, once it is.
    pub(super) fn held(&self, limit: Duration) -> String {
        let state = self.inner.state.lock().unwrap();
        let (state, waited) =
            self.inner.changed.wait_timeout_while(state, limit, |state| !state.is_held).unwrap();
        assert!(!waited.timed_out(), "the request never came: {:?}", state.requests);
        state.requests.last().unwrap().clone()
    }

    /// Changes what becomes of connections, and lets the held request have its share of it.
    pub(super) fn release(&self, way: Way) {
        let mut state = self.inner.state.lock().unwrap();
        (state.way, state.is_released) = (way, true);
        self.inner.changed.notify_all();
    }
}

impl Inner {
    fn way(&self) -> Way {
        self.state.lock().unwrap().way
    }

    fn listen(self: Arc<Self>, listener: TcpListener, address: SocketAddr) {
        let mut listener = Some(listener);
        let mut silent = Vec::new();
        loop {
            let way = self.way();
            if way == Way::Refused {
                listener = None;
            }
            if way != Way::Silent {
                silent.clear();
            }
            let accepted = (way != Way::Refused).then(|| {
                let listener = listener.get_or_insert_with(|| TcpListener::bind(address).unwrap());
                listener.set_nonblocking(true).unwrap();
                listener.accept().ok()
            });
            let Some((stream, _)) = accepted.flatten() else {
                thread::sleep(Duration::from_millis(2));
                continue;
            };
            stream.set_nonblocking(false).unwrap();
            match way {
                Way::Silent => silent.push(stream),
                // What was sent and not read turns the end of a connection into a reset.
                Way::Reset => drop(stream.peek(&mut [0])),
                Way::Open | Way::Refused => {
                    let inner = Arc::clone(&self);
                    // An error is the end of the connection, for both sides.
                    thread::spawn(move || inner.serve(stream).ok());
                }
            }
        }
    }

    /// Passes on the requests of one connection.
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let tls = ServerConnection::new(self.to_pods.clone()).map_err(io::Error::other)?;
        let mut stream = BufReader::new(StreamOwned::new(tls, stream));
        while let Some(request) = Message::read(&mut stream, true)? {
            let mut words = request.first.split(' ');
            self.note(format!("{} {}", words.next().unwrap(), words.next().unwrap()));
            let way = self.way();
            if way == Way::Silent {
                // Like a server that stands still: until it goes on, and then the connection is of no use.
                while self.way() == Way::Silent {
                    thread::sleep(Duration::from_millis(2));
                }
            }
            if way != Way::Open {
                return Ok(());
            }
            let answer = self.ask(request)?;
            stream.get_mut().write_all(&answer.bytes())?;
            stream.get_mut().flush()?;
        }
        Ok(())
    }

    /// Counts a request, and holds it if it is the one.
    fn note(&self, request: String) {
        let mut state = self.state.lock().unwrap();
        state.requests.push(request);
        if state.requests.len() == state.hold_at {
            state.is_held = true;
            self.changed.notify_all();
            drop(self.changed.wait_while(state, |state| !state.is_released).unwrap());
        }
    }

    /// Asks the server, on a connection for this request alone.
    fn ask(&self, mut request: Message) -> io::Result<Message> {
        let stream = TcpStream::connect((ADDRESS, 443))?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(ADDRESS).map_err(io::Error::other)?;
        let tls = ClientConnection::new(self.to_server.clone(), name).map_err(io::Error::other)?;
        let mut stream = BufReader::new(StreamOwned::new(tls, stream));
        request.set("connection", Some("close"));
        stream.get_mut().write_all(&request.bytes())?;
        let mut answer = Message::read(&mut stream, false)?
            .ok_or_else(|| io::Error::other("the server has closed the connection"))?;
        answer.set("connection", None);
        if let Some(date) = answer.header("date").and_then(|date| self.moved(date)) {
            answer.set("date", Some(&date));
        }
        Ok(answer)
    }

    fn moved(&self, date: &str) -> Option<String> {
        let date = DateTimeParser::new().parse_timestamp(date).ok()? + self.clock_offset;
        DateTimePrinter::new().timestamp_to_rfc9110_string(&date).ok()
    }
}

fn pki(name: &str) -> PathBuf {
    folder().join("pki").join(name)
}

/// The API server's own certificate.
fn server_config() -> Arc<ServerConfig> {
    let certificates = CertificateDer::pem_file_iter(pki("server.crt")).unwrap();
    let certificates = certificates.collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(pki("server.key")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    Arc::new(config.with_single_cert(certificates, key).unwrap())
}

fn client_config() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki("ca.crt")).unwrap()).unwrap();
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}
