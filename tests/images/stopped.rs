//! SIGTERM in the middle of a step ends it, though it is process 1 of its container, which has no default action.

use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::STEPS;
use crate::pod::{Pod, arguments};

/// A step has this long to end.
const END_MAX: Duration = Duration::from_secs(1);
/// Podman has this long to start a container, on a machine with other work.
const START_MAX: Duration = Duration::from_secs(30);

/// Waits for the step's request, so that it is known to be in its middle.
fn accept_request(server: &TcpListener) -> TcpStream {
    server.set_nonblocking(true).unwrap();
    let begun = Instant::now();
    loop {
        match server.accept() {
            Ok((mut connection, _)) => {
                connection.set_nonblocking(false).unwrap();
                connection.set_read_timeout(Some(START_MAX)).unwrap();
                let read = connection.read(&mut [0; 16_384]).unwrap();
                assert!(read > 0, "the step sent no request");
                return connection;
            }
            Err(error) => assert!(begun.elapsed() < START_MAX, "no connection: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[ignore = "needs the images and podman: tests/images/run"]
fn a_step_that_waits_for_the_api_server_ends_within_a_second_with_143() {
    for step in STEPS {
        let pod = Pod::new();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: \"http://127.0.0.1:{port}\"}}}}]\n\
             users: [{{name: u, user: {{token: t}}}}]\n"
        );
        fs::create_dir(pod.path("kube")).unwrap();
        fs::write(pod.path("kube/config"), kubeconfig).unwrap();
        pod.allow(0o777);

        let running = pod
            .container_without(step, &["cluster"])
            .env("BOOKEND_CLUSTER", "")
            .env("KUBECONFIG", "/kube/config")
            .mount(&pod.path("kube"), "/kube")
            .network_of_host()
            .arguments(arguments(step))
            .start();
        let mut connection = accept_request(&server);

        let sent = running.terminate();
        // The kernel closes the connection when the process ends; podman would tell it later.
        let mut rest = Vec::new();
        connection.read_to_end(&mut rest).unwrap();
        let took = sent.elapsed();
        let ended = running.wait().expect(143);

        assert!(took < END_MAX, "{step} took {took:?}");
        assert!(ended.errors.contains("SIGTERM"), "{step}: {}", ended.errors);
    }
}
