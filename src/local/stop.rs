//! Being asked to end: Ctrl-C, or SIGTERM.

use std::io;

/// Tells when somebody asks the program to end.
#[derive(Debug)]
pub struct Stop {
    #[cfg(unix)]
    signals: Option<(tokio::signal::unix::Signal, tokio::signal::unix::Signal)>,
}

impl Stop {
    /// Listens to SIGINT and SIGTERM from now on; the program no longer ends by itself on these.
    ///
    /// # Errors
    /// Fails when the system does not let us listen.
    #[cfg(unix)]
    pub fn on_signals() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            signals: Some((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)),
        })
    }

    /// Listens to nothing: the system ends the program by itself.
    #[cfg(not(unix))]
    pub fn on_signals() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Returns what never asks; for tests and embedding programs.
    pub fn never() -> Self {
        Self {
            #[cfg(unix)]
            signals: None,
        }
    }

    /// Waits until somebody asks. A request between two calls is not lost.
    pub async fn requested(&mut self) {
        #[cfg(unix)]
        if let Some((interrupt, terminate)) = &mut self.signals {
            tokio::select! {
                _ = interrupt.recv() => return,
                _ = terminate.recv() => return,
            }
        }
        std::future::pending::<()>().await;
    }
}
