//! A proxy that knows only `CONNECT`.

use std::sync::{Arc, Mutex};
use std::thread;

use tokio::io::{
    AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional,
};
use tokio::net::{TcpListener, TcpStream};

/// A proxy; it ends with the process.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Lets through who shows `authorization`; anybody when `None`. Wherever one wants to go, it goes to loopback.
    pub(crate) fn start(authorization: Option<&'static str>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&requests);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    tokio::spawn(pass_on(stream, authorization, Arc::clone(&shared)));
                }
            });
        });
        Self { port, requests }
    }

    /// The heads of the requests that came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn pass_on(
    stream: TcpStream,
    authorization: Option<&str>,
    requests: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let port = head.split_whitespace().nth(1)?.rsplit(':').next()?.parse::<u16>().ok()?;
    let is_let_through = authorization.is_none_or(|expect| {
        head.lines().any(|line| {
            line.to_lowercase().starts_with("proxy-authorization:") && line.ends_with(expect)
        })
    });
    requests.lock().unwrap().push(head);
    if !is_let_through {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(refusal).await.ok()?;
        let _ = stream.read(&mut [0]).await;
        return None;
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    copy_bidirectional(&mut stream, &mut server).await.ok()?;
    None
}
