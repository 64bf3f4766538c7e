//! The API server restarts, a fifth of all calls fails, watches break.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::reconciler::Reconciler;
use super::scene::{Scene, administrator, controller, play, seed};
use super::weather::Weather;

const REQUESTS: usize = 100;
/// How often the API server goes away.
const RESTARTS: usize = 3;
/// How long an API server may take until it is ready.
const READY_TIME_MAX: Duration = Duration::from_secs(180);

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn an_api_server_that_restarts_is_waited_for() {
    play(async {
        let scene = Scene::set("restarted", 2, Duration::from_millis(1500)).await;
        let reconciler = Reconciler::start("one", &controller()).await;
        for restart in 0..RESTARTS {
            let numbers = REQUESTS * restart / RESTARTS..REQUESTS * (restart + 1) / RESTARTS;
            scene.create(numbers.clone()).await;
            // In the middle of it: some are settled, some are not.
            scene.settled(numbers.start + 1, &[&reconciler]).await;
            restart_api_server().await;
        }
        scene.settled(REQUESTS, &[&reconciler]).await;
        scene.check_each_ran_once(REQUESTS);
        println!("{RESTARTS} restarts, {REQUESTS} requests, {} Jobs", scene.runs().len());
    });
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_fifth_of_all_calls_may_fail() {
    play(async {
        let scene = Scene::set("stormy", 2, Duration::from_millis(500)).await;
        let (weather, reconciler, _folder) = in_weather(20).await;
        scene.create(0..REQUESTS).await;
        scene.settled(REQUESTS, &[&reconciler]).await;
        scene.check_each_ran_once(REQUESTS);
        let (calls, failed) = weather.calls();
        println!("{failed} of {calls} calls failed, {} Jobs", scene.runs().len());
        assert!(failed * 7 > calls, "a fifth, more or less");
    });
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn watches_may_break_all_the_time() {
    play(async {
        let scene = Scene::set("deaf", 2, Duration::from_millis(1500)).await;
        let (weather, reconciler, _folder) = in_weather(0).await;
        let cutting = async {
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                weather.cut();
            }
        };
        let work = async {
            scene.create(0..REQUESTS).await;
            scene.settled(REQUESTS, &[&reconciler]).await;
        };
        tokio::select! { () = work => {}, () = cutting => {} }
        scene.check_each_ran_once(REQUESTS);
        println!("watches cut every 200 ms, {} Jobs", scene.runs().len());
    });
}

/// A reconciler behind a proxy that fails so many of a hundred calls.
async fn in_weather(failing: u64) -> (Weather, Reconciler, tempfile::TempDir) {
    let kubeconfig = Kubeconfig::read_from(controller()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let client = Client::try_from(config.unwrap()).unwrap();
    let weather = Weather::start(client, failing, seed()).await;
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    weather.kubeconfig(&kubeconfig);
    let reconciler = Reconciler::start("one", &kubeconfig).await;
    (weather, reconciler, folder)
}

/// Folder of the control plane, as `tests/cluster/up` lays it out.
pub(super) fn control_plane() -> PathBuf {
    let folder = administrator().parent().map(Path::to_owned).unwrap();
    assert!(folder.join("pid/kube-apiserver").exists(), "tests/cluster/up has started it");
    folder
}

/// Ends the API server as `kill -9` does, starts it again with the same words, and returns once it is ready: how long
/// that takes is the machine's affair, and is not what is tested.
async fn restart_api_server() {
    let folder = control_plane();
    let file = folder.join("pid/kube-apiserver");
    let pid: i32 = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    let words: Vec<String> = words
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8(word.to_vec()).unwrap())
        .filter(|word| !word.is_empty())
        .collect();
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    while fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let log = folder.join("log/kube-apiserver");
    let start = || {
        let log = fs::File::options().append(true).open(&log).unwrap();
        let child = Command::new(&program)
            .args(&words[1..])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        // `down` ends whoever is named there.
        fs::write(&file, child.id().to_string()).unwrap();
        child
    };
    let mut child = start();
    let begun = Instant::now();
    let client = Client::try_default().await.unwrap();
    let ready = || http::Request::get("/readyz").body(Vec::new()).unwrap();
    while let Err(error) = client.request_text(ready()).await {
        let tail = || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            text.lines().rev().take(20).map(|line| format!("{line}\n")).collect::<String>()
        };
        assert!(begun.elapsed() < READY_TIME_MAX, "{error}; its log, last line first:\n{}", tail());
        if let Some(code) = child.try_wait().unwrap() {
            println!("the API server has ended ({code}), its log, last line first:\n{}", tail());
            child = start();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    std::thread::spawn(move || child.wait());
}
