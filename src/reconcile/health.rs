//! `/healthz`, `/readyz` and `/metrics`, for kubelet and Prometheus.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::debug;

/// Connections at once: whoever asks is one kubelet and a scraper or two.
const CONNECTIONS_MAX: usize = 32;
/// Longest wait for the head of a request.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest life of a connection, so that nobody keeps the place of somebody else.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);

/// What is told.
pub(super) trait Told: Send + Sync + 'static {
    /// Why we are not ready, a line each; none when we are.
    fn missing(&self) -> Vec<String>;
    /// All counters, in the format of Prometheus.
    fn metrics(&self) -> String;
}

/// Takes an address to listen at.
pub(super) async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers for ever.
pub(super) async fn serve(listener: TcpListener, told: Arc<impl Told>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // No more files, usually.
                debug!("failed to take a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let told = Arc::clone(&told);
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let answer = answer(request.method(), request.uri().path(), &*told);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME_MAX)
                .serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(CONNECTION_TIME_MAX, connection).await;
            drop(slot);
        });
    }
}

fn answer(method: &Method, path: &str, told: &impl Told) -> Response<Full<Bytes>> {
    let (code, kind, text) = match path {
        _ if method != Method::GET && method != Method::HEAD => {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET is answered\n".to_owned())
        }
        "/healthz" => (StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => {
            let missing = told.missing();
            if missing.is_empty() {
                (StatusCode::OK, TEXT, "ok\n".to_owned())
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, TEXT, missing.join("\n") + "\n")
            }
        }
        "/metrics" => (StatusCode::OK, OPEN_METRICS, told.metrics()),
        _ => (StatusCode::NOT_FOUND, TEXT, "there are /healthz, /readyz and /metrics\n".to_owned()),
    };
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = code;
    let kind = http::HeaderValue::from_static(kind);
    answer.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    answer
}

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::sync::Mutex;

    use tokio::task::spawn_blocking;

    use super::*;

    struct Says(Mutex<Vec<String>>);

    impl Told for Says {
        fn missing(&self) -> Vec<String> {
            self.0.lock().unwrap().clone()
        }

        fn metrics(&self) -> String {
            "a 1\n".into()
        }
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let request = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let asking = spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        let answer = asking.await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        format!("{} {body}", head.split(' ').nth(1).unwrap())
    }

    #[tokio::test]
    async fn readiness_follows_what_is_missing() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let says = Arc::new(Says(Mutex::new(vec!["jobs".into(), "works".into()])));
        tokio::spawn(serve(listener, Arc::clone(&says)));
        for (request, expected) in [
            ("GET /healthz", "200 ok\n"),
            ("GET /readyz?verbose", "503 jobs\nworks\n"),
            ("GET /metrics", "200 a 1\n"),
            ("GET /", "404 there are /healthz, /readyz and /metrics\n"),
            ("POST /metrics", "405 only GET is answered\n"),
        ] {
            assert_eq!(ask(address, request).await, expected, "{request}");
        }
        says.0.lock().unwrap().clear();
        assert_eq!(ask(address, "GET /readyz").await, "200 ok\n");
    }
}
