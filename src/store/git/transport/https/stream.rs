//! One request and its answer, as libgit2 writes and reads them.

use std::io::{self, Read, Write};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use reqwest::{Body, Response};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Https;
use crate::store::Trouble;
use crate::store::git::transport::bridge::{Bridge, Budget, broken};

/// What is shorter is sent as a whole, with its length: some servers in front of Git want to know it. So does git.
const WHOLE_BYTES_MAX: usize = 1 << 20;

/// Size of the pieces of what is longer.
const PIECE_BYTES: usize = 64 << 10;

/// What is read and waited for at the end of an answer.
const END_BYTES_MAX: usize = 64 << 10;
const END_WAIT_MAX: Duration = Duration::from_millis(100);

/// Pieces on their way between libgit2's thread and the connection's.
const PIECES_MAX: usize = 4;

/// A request that is being written, or its answer that is being read.
pub(in crate::store::git::transport) struct Exchange {
    bridge: Arc<Bridge>,
    phase: Phase,
    /// Of the answer.
    budget: Budget,
}

enum Phase {
    /// Nothing has been sent.
    Asking { https: Arc<Https>, service: &'static str, is_push: bool, body: Vec<u8> },
    /// A long request is on its way.
    Sending { pieces: mpsc::Sender<Piece>, next: Vec<u8>, answer: Answer },
    /// The answer comes. `Bytes` that libgit2 had no room for wait here.
    Reading { response: Box<Response>, rest: Rest },
    /// It failed.
    Over,
}

/// A part of a request. Its end is said, so that a request that was given up is not taken for a whole one.
enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// The answer to come. Dropped, it ends the request and its connection.
struct Answer(JoinHandle<Result<Response, Trouble>>);

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What was received and not yet read.
#[derive(Default)]
struct Rest {
    bytes: Vec<u8>,
    read: usize,
}

impl Exchange {
    /// The answer to a request without a body.
    pub(super) fn reading(bridge: Arc<Bridge>, response: Response) -> Self {
        let budget = Budget::of("list of references", bridge.limits.references);
        let phase = Phase::Reading { response: Box::new(response), rest: Rest::default() };
        Self { bridge, phase, budget }
    }

    /// A request that is yet to be written.
    pub(super) fn asking(
        bridge: Arc<Bridge>,
        https: Arc<Https>,
        service: &'static str,
        is_push: bool,
    ) -> Self {
        let budget = Budget::of("answer of the server", bridge.limits.answer);
        let phase = Phase::Asking { https, service, is_push, body: Vec::new() };
        Self { bridge, phase, budget }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        match mem::replace(&mut self.phase, Phase::Over) {
            Phase::Asking { https, service, is_push, mut body } => {
                body.extend_from_slice(bytes);
                if body.len() <= WHOLE_BYTES_MAX {
                    self.phase = Phase::Asking { https, service, is_push, body };
                    return Ok(());
                }
                if !is_push {
                    return Err(Trouble::Other("the question is too long".to_owned()));
                }
                let (pieces, body_of) = streamed();
                let answer = Answer(self.bridge.spawn(https.ask(service, body_of))?);
                self.phase = Phase::Sending { pieces, next: Vec::new(), answer };
                body.chunks(PIECE_BYTES).try_for_each(|piece| self.send(piece))
            }
            Phase::Sending { pieces, mut next, mut answer } => {
                next.extend_from_slice(bytes);
                self.bridge.sent(bytes.len());
                if next.len() >= PIECE_BYTES {
                    let piece = Piece::Bytes(mem::take(&mut next));
                    self.pass(&pieces, piece, &mut answer)?;
                }
                self.phase = Phase::Sending { pieces, next, answer };
                Ok(())
            }
            Phase::Reading { .. } | Phase::Over => Err(Trouble::Other("not now".to_owned())),
        }
    }

    /// Hands a piece over, or says why nobody takes it: the server has answered already, mostly with a refusal.
    fn pass(
        &self,
        pieces: &mpsc::Sender<Piece>,
        piece: Piece,
        answer: &mut Answer,
    ) -> Result<(), Trouble> {
        self.bridge.wait(self.bridge.timeouts.between, async {
            let answered = tokio::select! {
                biased;
                answered = &mut answer.0 => answered,
                sent = pieces.send(piece) => match sent {
                    Ok(()) => return Ok(()),
                    Err(_) => (&mut answer.0).await,
                },
            };
            match answered {
                Ok(Err(trouble)) => Err(trouble),
                Ok(Ok(_)) => Err(Trouble::Other("an answer before the end of the push".to_owned())),
                Err(_) => Err(Trouble::Stopped),
            }
        })
    }

    /// Ends the request, and waits for the answer to begin.
    fn ask(&mut self) -> Result<(), Trouble> {
        let timeouts = self.bridge.timeouts;
        let response = match mem::replace(&mut self.phase, Phase::Over) {
            Phase::Asking { https, service, body, .. } => {
                self.bridge.sent(body.len());
                let limit = timeouts.connect + timeouts.first_byte;
                self.bridge.wait(limit, https.ask(service, Body::from(body)))?
            }
            Phase::Sending { pieces, next, mut answer } => {
                self.pass(&pieces, Piece::Bytes(next), &mut answer)?;
                self.pass(&pieces, Piece::End, &mut answer)?;
                self.bridge.wait(timeouts.first_byte, async {
                    (&mut answer.0).await.unwrap_or(Err(Trouble::Stopped))
                })?
            }
            phase @ Phase::Reading { .. } => {
                self.phase = phase;
                return Ok(());
            }
            Phase::Over => return Err(Trouble::Other("not now".to_owned())),
        };
        self.phase = Phase::Reading { response: Box::new(response), rest: Rest::default() };
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        self.ask()?;
        let Phase::Reading { response, rest } = &mut self.phase else { return Ok(0) };
        if rest.read == rest.bytes.len() {
            let chunk = self.bridge.wait(self.bridge.timeouts.between, async {
                response.chunk().await.map_err(super::answer::of_error)
            })?;
            let Some(chunk) = chunk else {
                self.bridge.ended_early();
                return Ok(0);
            };
            self.bridge.received(chunk.len());
            self.budget.spend(chunk.len())?;
            *rest = Rest { bytes: chunk.into(), read: 0 };
        }
        let unread = &rest.bytes[rest.read..];
        let count = unread.len().min(buffer.len());
        buffer[..count].copy_from_slice(&unread[..count]);
        rest.read += count;
        Ok(count)
    }
}

/// The end of an answer says nothing to libgit2, which stops reading before it; but only a connection on which it was read can
/// be used again. So it is read, when it is there already and not long.
impl Drop for Exchange {
    fn drop(&mut self) {
        if let Phase::Reading { response, .. } = &mut self.phase {
            let _ = self.bridge.wait(END_WAIT_MAX, async {
                let mut left = END_BYTES_MAX;
                while let Ok(Some(chunk)) = response.chunk().await
                    && chunk.len() < left
                {
                    left -= chunk.len();
                }
                Ok(())
            });
        }
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(buffer).map_err(|trouble| broken(&self.bridge, trouble))
    }
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes).map_err(|trouble| broken(&self.bridge, trouble))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns a body that is written while it is sent.
fn streamed() -> (mpsc::Sender<Piece>, Body) {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let pieces = stream::unfold(Some(receiver), |receiver| async {
        let mut receiver: mpsc::Receiver<Piece> = receiver?;
        match receiver.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(receiver))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("given up")), None)),
        }
    });
    (sender, Body::wrap_stream(pieces))
}
