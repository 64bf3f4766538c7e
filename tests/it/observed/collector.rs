//! An OpenTelemetry collector: keeps what it is sent, or behaves badly.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// How it treats a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Takes it.
    Takes,
    /// Answers with this code.
    Refuses(u16),
    /// Takes connections and reads nothing; also what somebody sees who wants TLS.
    IsSilent,
    /// Reads the request and says nothing.
    NeverAnswers,
    /// Answers with a body that does not end.
    AnswersSlowly,
    /// Reads the request and hangs up.
    HangsUp,
}

/// A running collector; it ends with the process.
pub(super) struct Collector {
    pub(super) address: String,
    received: Receiver<Received>,
}

/// One request.
pub(super) struct Received {
    /// Request line and headers, in lower case.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Collector {
    pub(super) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, received) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || treat(stream, manner, &sender));
            }
        });
        Self { address, received }
    }

    /// Returns the only request so far, `None` when there was none. Who sent it has ended, so it is here.
    pub(super) fn received(&self) -> Option<Received> {
        let first = self.received.try_recv().ok();
        assert!(self.received.try_recv().is_err(), "one request, once");
        first
    }
}

impl Received {
    /// Returns what is said of the process, and its spans.
    pub(super) fn decode(&self) -> (Vec<KeyValue>, Vec<Span>) {
        let request = ExportTraceServiceRequest::decode(self.body.as_slice()).unwrap();
        let [resource] = request.resource_spans.try_into().unwrap();
        let attributes = resource.resource.unwrap().attributes;
        (attributes, resource.scope_spans.into_iter().flat_map(|scope| scope.spans).collect())
    }
}

/// Returns an attribute as text; empty for one that is not there.
pub(super) fn text(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|found| found.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

fn treat(mut stream: TcpStream, manner: Manner, sender: &Sender<Received>) {
    if manner == Manner::IsSilent {
        thread::park();
    }
    let Some(received) = read(&mut BufReader::new(&stream)) else { return };
    // Before the answer, so that whoever waited for it finds it here.
    sender.send(received).unwrap();
    let answer = match manner {
        Manner::HangsUp => return,
        Manner::NeverAnswers | Manner::IsSilent => return thread::park(),
        Manner::Takes => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned(),
        Manner::Refuses(code) => format!("HTTP/1.1 {code} No\r\nContent-Length: 2\r\n\r\nno"),
        Manner::AnswersSlowly => "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n".to_owned(),
    };
    stream.write_all(answer.as_bytes()).unwrap();
    while manner == Manner::AnswersSlowly && stream.write_all(b"x").is_ok() {
        thread::sleep(Duration::from_millis(50)); // it is slow
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Received> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.parse().ok()?;
        }
        head += &format!("{line}\n");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received { head, body })
}
