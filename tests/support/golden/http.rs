//! As much of HTTP/1.1 as one client in a test needs: requests with a length, one connection after another.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A request as it came, its query decoded.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// With its `?`, as it came.
    pub(crate) query: String,
    pub(crate) accept: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// What answers requests. Several connections ask at once.
pub(crate) trait Backend: Send + Sync + 'static {
    /// Returns the answer; `None` closes the connection without one.
    fn answer(&self, request: &Request) -> Option<Reply>;

    /// Returns what the header `Date` says, `None` for an answer without one.
    fn date(&self) -> Option<String> {
        None
    }
}

/// Starts to listen on a port of this machine and returns the address. It ends with the process.
pub(crate) fn listen(backend: Arc<dyn Backend>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let backend = Arc::clone(&backend);
            thread::spawn(move || serve(&stream, &*backend));
        }
    });
    address
}

/// Answers the requests of one connection until somebody closes it.
fn serve(mut stream: &TcpStream, backend: &dyn Backend) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let Some(Reply { status, content_type, body }) = backend.answer(&request) else { return };
        let length = body.len();
        let date = backend.date().map(|date| format!("Date: {date}\r\n")).unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {status} Answer\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{date}\r\n"
        );
        if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut accept, mut content_type) = (0, String::new(), String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.parse().ok()?,
            "content-type" => value.clone_into(&mut content_type),
            "accept" => value.clone_into(&mut accept),
            "transfer-encoding" => panic!("a body without a length"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let query_at = target.find('?').unwrap_or(target.len());
    let (path, query) = target.split_at(query_at);
    Some(Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        accept,
        content_type,
        body,
    })
}
