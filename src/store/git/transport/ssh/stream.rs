//! What is said to the program at the other end, and what it answers.

use std::io::{self, Read, Write};
use std::mem;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};

use crate::store::Trouble;
use crate::store::git::transport::bridge::{Bridge, Budget, broken};
use crate::store::git::transport::https::plain;

/// libgit2 writes many small pieces. This is what one packet of ssh holds.
const PIECE_BYTES: usize = 32 << 10;

/// Most bytes of what the program says about itself that are kept.
const SAID_BYTES_MAX: usize = 1000;

/// A fetch or a push, from the list of references on.
pub(in crate::store::git::transport) struct Conversation {
    bridge: Arc<Bridge>,
    writer: Option<ChannelWriteHalf<Msg>>,
    next: Vec<u8>,
    heard: Heard,
    /// Whether anything was read of what comes now: its beginning may take its time.
    has_begun: bool,
}

/// What came from the other end.
struct Heard {
    reader: ChannelReadHalf,
    /// Not yet read by libgit2.
    output: Vec<Bytes>,
    said: Vec<u8>,
    /// For the list of references, then for all that follows.
    budget: Budget,
    status: Option<u32>,
    is_refused: bool,
    has_ended: bool,
}

impl Heard {
    /// Waits for the next message.
    async fn more(&mut self) -> Result<(), Trouble> {
        match self.reader.wait().await {
            Some(ChannelMsg::Data { data }) => {
                self.budget.spend(data.len())?;
                if !data.is_empty() {
                    self.output.push(data);
                }
            }
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                let room = SAID_BYTES_MAX.saturating_sub(self.said.len());
                self.said.extend_from_slice(data.get(..room).unwrap_or(&data));
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => self.status = Some(exit_status),
            Some(ChannelMsg::ExitSignal { .. }) => self.status = Some(u32::MAX),
            Some(ChannelMsg::Failure) => self.is_refused = true,
            Some(ChannelMsg::Close) | None => self.has_ended = true,
            // The end of the output may come before what says how it ended.
            Some(_) => {}
        }
        Ok(())
    }

    /// Why the program ended, if it did not do so by its own will.
    fn ended(&self) -> Result<(), Trouble> {
        let said = plain(&self.said, SAID_BYTES_MAX);
        match self.status {
            Some(0) => Ok(()),
            None if self.is_refused => {
                Err(Trouble::Forbidden("the ssh server runs no commands for this key".to_owned()))
            }
            None => Err(Trouble::Unreachable("the connection ended".into())),
            Some(_) => Err(of_program(said)),
        }
    }
}

/// What the other end's words mean. There are no codes: every server writes its own, and Git these.
fn of_program(said: String) -> Trouble {
    let words = said.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if has(&["not found", "does not exist", "does not appear to be a git repository", "no such"]) {
        return Trouble::Missing(format!("repository there: {said}"));
    }
    if has(&["denied", "not allowed", "forbidden", "read-only", "not authorized", "unauthorized"]) {
        return Trouble::Forbidden(said);
    }
    Trouble::Other(if said.is_empty() { "Git ended there without a word".to_owned() } else { said })
}

impl Conversation {
    pub(super) fn new(bridge: Arc<Bridge>, channel: Channel<Msg>) -> Self {
        let (reader, writer) = channel.split();
        let heard = Heard {
            reader,
            output: Vec::new(),
            said: Vec::new(),
            budget: Budget::of("list of references", bridge.limits.references),
            status: None,
            is_refused: false,
            has_ended: false,
        };
        let writer = Some(writer);
        Self { bridge, writer, next: Vec::new(), heard, has_begun: false }
    }

    /// Sends what was written. While the other end has no room for it, what it says is heard, or both would wait.
    fn send(&mut self) -> Result<(), Trouble> {
        let bytes = mem::take(&mut self.next);
        let (Some(writer), false) = (&self.writer, bytes.is_empty()) else { return Ok(()) };
        self.bridge.sent(bytes.len());
        self.heard.budget = Budget::of("answer of the server", self.bridge.limits.answer);
        self.has_begun = false;
        let heard = &mut self.heard;
        self.bridge.wait(self.bridge.timeouts.between, async {
            let mut sending = pin!(writer.data_bytes(bytes));
            loop {
                if heard.has_ended {
                    heard.ended()?;
                    return Err(Trouble::Unreachable("Git ended there too early".into()));
                }
                tokio::select! {
                    biased;
                    sent = &mut sending => return sent.map_err(super::of_error),
                    heard = heard.more() => heard?,
                }
            }
        })
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        self.send()?;
        let timeouts = self.bridge.timeouts;
        let limit = if self.has_begun { timeouts.between } else { timeouts.first_byte };
        let heard = &mut self.heard;
        self.bridge.wait(limit, async {
            while heard.output.is_empty() && !heard.has_ended {
                heard.more().await?;
            }
            Ok(())
        })?;
        self.has_begun = true;
        let Some(first) = heard.output.first_mut() else {
            heard.ended()?;
            self.bridge.ended_early();
            return Ok(0);
        };
        let count = first.len().min(buffer.len());
        buffer[..count].copy_from_slice(&first.split_to(count));
        if first.is_empty() {
            heard.output.remove(0);
        }
        self.bridge.received(count);
        Ok(count)
    }
}

impl Read for Conversation {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(buffer).map_err(|trouble| broken(&self.bridge, trouble))
    }
}

impl Write for Conversation {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.next.extend_from_slice(bytes);
        if self.next.len() >= PIECE_BYTES {
            self.send().map_err(|trouble| broken(&self.bridge, trouble))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send().map_err(|trouble| broken(&self.bridge, trouble))
    }
}

impl Drop for Conversation {
    /// Says goodbye without waiting: the connection is kept for the next one.
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        let last = mem::take(&mut self.next);
        let _ = self.bridge.spawn(async move {
            if !last.is_empty() {
                let _ = writer.data_bytes(last).await;
            }
            let _ = writer.eof().await;
            let _ = writer.close().await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_servers_have_a_meaning() {
        for (said, expect) in [
            (
                "fatal: '/x' does not appear to be a git repository",
                "there is no repository there: ",
            ),
            ("ERROR: Repository not found.", "there is no repository there: "),
            ("ERROR: Permission to a/b.git denied to c.", "that is not allowed: "),
            (
                "remote: ERROR: This deploy key does not have write access, read-only",
                "that is not allowed: ",
            ),
            ("", "it says: Git ended there without a word"),
            ("fatal: bad pack", "it says: fatal: bad pack"),
        ] {
            let text = of_program(said.to_owned()).to_string();
            assert!(text.starts_with(expect), "{text}");
        }
    }
}
