//! The default patience against a server that is away for ten seconds, at a twentieth of the time.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::tests::read_request;
use super::*;
use crate::cluster::chance::number as random;
use crate::contract::kinds::WORK;

/// By how much everything is faster here.
const SCALE: u32 = 20;
/// Ten seconds.
const OUTAGE: Duration = Duration::from_millis(10_000 / SCALE as u64);

fn policy() -> RetryPolicy {
    let real = RetryPolicy::default();
    RetryPolicy {
        pause_first: real.pause_first / SCALE,
        pause_max: real.pause_max / SCALE,
        try_time_max: real.try_time_max / SCALE,
        total_time_max: real.total_time_max / SCALE,
        refusal_time_max: real.refusal_time_max / SCALE,
        ..real
    }
}

/// What a server does while it is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Away {
    /// Nobody listens.
    Refuses,
    /// Connections are taken and reset before anything is read.
    Resets,
    /// Connections are taken, and nothing comes back: also what a lost packet, a stopped process and a TLS handshake
    /// that hangs look like.
    IsSilent,
    /// It knows nobody, for as long as refusals are doubted at the most.
    Forbids,
}

/// Starts a server that answers one request, is away and answers again. It ends with the process.
fn server(away: Away) -> LiveCluster {
    // Below the ports that the system gives out: one of those may be somebody else's when this one is back.
    let mut ports = (0..200).map(|_| 20_000 + u16::try_from(random() % 12_000).unwrap());
    let listener = ports.find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok()).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener, address, away));
    LiveCluster::at(&format!("http://{address}"), policy()).unwrap()
}

fn serve(listener: TcpListener, address: SocketAddr, away: Away) {
    let (mut stream, _) = listener.accept().unwrap();
    answer(&mut stream, 200);
    let end = Instant::now() + if away == Away::Forbids { OUTAGE / 10 } else { OUTAGE };
    let mut kept = Vec::new();
    let listener = if away == Away::Refuses {
        drop((listener, stream));
        thread::sleep(OUTAGE);
        TcpListener::bind(address).unwrap()
    } else {
        if away == Away::Resets {
            drop(stream);
        } else {
            kept.push(stream);
        }
        listener
    };
    listener.set_nonblocking(true).unwrap();
    loop {
        let is_away = Instant::now() < end;
        if away == Away::Forbids {
            kept.retain_mut(|stream| answer(stream, if is_away { 401 } else { 200 }));
        }
        let Ok((mut stream, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        match away {
            Away::Resets if is_away => {
                // What was sent and not read turns the end of a connection into a reset.
                stream.peek(&mut [0]).ok();
            }
            Away::IsSilent if is_away => kept.push(stream),
            _ => while answer(&mut stream, 200) {},
        }
    }
}

/// Answers one request; false when there is none any more.
fn answer(stream: &mut TcpStream, code: u16) -> bool {
    stream.set_nonblocking(false).unwrap();
    let is_there = read_request(&mut BufReader::new(&*stream)).is_some();
    let text = format!("HTTP/1.1 {code} X\r\nContent-Length: 2\r\n\r\n{{}}");
    is_there && stream.write_all(text.as_bytes()).is_ok()
}

#[tokio::test]
async fn ten_seconds_without_a_server_are_survived() {
    let key = WORK.object(Some("team-a"), "w");
    for away in [Away::Refuses, Away::Resets, Away::IsSilent, Away::Forbids] {
        let cluster = server(away);
        cluster.get(&key).await.unwrap();
        let start = Instant::now();
        // The outage begins in the middle of a step: there is a connection, and it is of no use any more.
        cluster.get(&key).await.unwrap_or_else(|error| panic!("{away:?}: {error}"));
        let waited = start.elapsed();
        assert!(waited < 3 * OUTAGE, "{away:?}: {waited:?}");
        assert!(away == Away::Forbids || waited >= OUTAGE * 9 / 10, "{away:?}: {waited:?}");
    }
}
