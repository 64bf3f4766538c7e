//! As much of HTTP/1.1 as stands between a pod and the API server: a message is read whole, and passed on.

use std::io::{self, BufRead as _, BufReader, Read};

/// A request or an answer: the first line, headers in lower case, and the body.
pub(super) struct Message {
    pub(super) first: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    /// Reads one; `None` when the other side has nothing more to say. An answer without a length goes to the end.
    pub(super) fn read(
        stream: &mut BufReader<impl Read>,
        is_request: bool,
    ) -> io::Result<Option<Self>> {
        let mut line = || {
            let mut line = String::new();
            stream.read_line(&mut line).map(|_| line.trim_end().to_owned())
        };
        let first = line()?;
        if first.is_empty() {
            return Ok(None);
        }
        let mut headers = Vec::new();
        loop {
            let line = line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut message = Self { first, headers, body: Vec::new() };
        if message.header("transfer-encoding").is_some() {
            message.read_chunks(stream)?;
            message.set("transfer-encoding", None);
        } else if let Some(length) = message.header("content-length") {
            message.body = vec![0; length.parse().map_err(io::Error::other)?];
            stream.read_exact(&mut message.body)?;
        } else if !is_request {
            stream.read_to_end(&mut message.body)?;
        }
        if !is_request || !message.body.is_empty() {
            let length = message.body.len().to_string();
            message.set("content-length", Some(&length));
        }
        Ok(Some(message))
    }

    fn read_chunks(&mut self, stream: &mut BufReader<impl Read>) -> io::Result<()> {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
            let start = self.body.len();
            self.body.resize(start + length + 2, 0);
            stream.read_exact(&mut self.body[start..])?;
            self.body.truncate(start + length);
            if length == 0 {
                return Ok(());
            }
        }
    }

    /// The value of a header, named in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Sets a header, or removes it.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) {
        self.headers.retain(|(header, _)| header != name);
        self.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }

    /// The message as it goes over the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let head = format!("{}\r\n{}\r\n", self.first, headers.collect::<String>());
        [head.as_bytes(), &self.body].concat()
    }
}
