//! The process engine by itself.

use std::fs;
use std::path::{Path, PathBuf};

use bookend::local::engine::{End, Ended, Engine as _, EngineError, Mount, Process, Stage};

/// One folder, one stage.
struct Case {
    dir: tempfile::TempDir,
    stage: Stage,
    environment: Vec<(&'static str, &'static str)>,
}

fn sh(script: &str) -> Case {
    let dir = tempfile::tempdir().unwrap();
    let scratch = dir.path().join("root");
    fs::create_dir(&scratch).unwrap();
    let stage = Stage {
        name: "work".into(),
        command: vec!["sh".into(), "-c".into(), script.into()],
        environment: vec![],
        working_dir: "/".into(),
        mounts: vec![],
        scratch,
    };
    Case { dir, stage, environment: vec![("PATH", "/usr/bin:/bin")] }
}

impl Case {
    fn mount(mut self, name: &str, target: &str, read_only: bool) -> Self {
        let source = self.dir.path().join(name);
        if !source.exists() {
            fs::create_dir(&source).unwrap();
        }
        self.stage.mounts.push(Mount { source, target: target.into(), read_only });
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.dir.path().join(name), text).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self) -> Result<Ended, EngineError> {
        let variables = self.environment.iter().map(|(name, value)| (name.into(), value.into()));
        let mut engine = Process::new(variables);
        engine.program = PathBuf::from(env!("CARGO_BIN_EXE_bookend"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(engine.run(&self.stage))
    }

    #[track_caller]
    fn succeeds(&self) -> Vec<String> {
        let ended = self.run().unwrap();
        let lines: Vec<String> = ended.tail.lines().map(str::to_owned).collect();
        assert_eq!(ended.end, End::Code(0), "{lines:?}");
        lines
    }
}

#[test]
fn mounts_are_at_their_real_paths_and_the_machine_is_as_it_is() {
    needs_namespaces!();
    let case =
        sh("cat /kratix/input/object.yaml; echo out > /kratix/output/a; ls /usr/bin/env; pwd")
            .mount("in", "/kratix/input", true)
            .mount("out", "/kratix/output", false);
    fs::write(case.path("in/object.yaml"), "hello\n").unwrap();
    assert_eq!(case.succeeds(), ["hello", "/usr/bin/env", "/"]);
    assert_eq!(fs::read_to_string(case.path("out/a")).unwrap(), "out\n");
    assert!(!Path::new("/kratix").exists(), "nothing is made on the machine");
}

#[test]
fn a_read_only_mount_refuses_every_way_to_write() {
    needs_namespaces!();
    let case = sh("cd /kratix/input; touch new && echo made; echo x >> object.yaml && echo written; \
                   rm -f object.yaml && echo removed; mount -o remount,rw /kratix/input && touch new && echo remounted; cat object.yaml")
        .mount("in", "/kratix/input", true);
    fs::write(case.path("in/object.yaml"), "hello\n").unwrap();
    let lines = case.succeeds();
    for word in ["made", "written", "removed"] {
        assert!(!lines.iter().any(|line| line == word), "{lines:?}");
    }
    assert_eq!(lines.last().unwrap(), "hello");
}

#[test]
fn a_file_can_be_mounted_where_the_machine_has_none() {
    needs_namespaces!();
    let case = sh("cat /etc/bookend-test/deep/config /etc/hostname-of-test; ls /etc/passwd /etc/hosts; echo x > /etc/hosts-of-stage")
        .file("config", "one\n")
        .file("host", "two\n")
        .mount("config", "/etc/bookend-test/deep/config", true)
        .mount("host", "/etc/hostname-of-test", false);
    assert_eq!(case.succeeds(), ["one", "two", "/etc/hosts", "/etc/passwd"]);
    assert!(!Path::new("/etc/bookend-test").exists());
    assert!(!Path::new("/etc/hosts-of-stage").exists());
}

#[test]
fn a_mount_inside_a_mount_is_made_in_it() {
    needs_namespaces!();
    let case = sh("echo a > /kratix/output/a; echo b > /kratix/output/cache/b; touch /kratix/input/x || ls /kratix/input")
        .mount("cache", "/kratix/output/cache", false)
        .mount("out", "/kratix/output", false)
        .mount("in", "/kratix/input", true)
        .mount("deep", "/kratix/input/deep", false);
    let lines = case.succeeds();
    assert_eq!(lines.last().unwrap(), "deep");
    assert!(case.path("cache/b").exists());
    assert_eq!(fs::read_dir(case.path("out/cache")).unwrap().count(), 0);
}

#[test]
fn an_existing_path_is_covered() {
    needs_namespaces!();
    let case = sh("ls /usr/share").mount("share", "/usr/share", false).file("share.txt", "");
    fs::write(case.path("share/only"), "").unwrap();
    assert_eq!(case.succeeds(), ["only"]);
}

#[test]
fn the_containers_variables_win_and_the_machines_are_there() {
    needs_namespaces!();
    let mut case = sh("echo $HOME $NAME $EMPTY. $PATH");
    case.environment.extend([("HOME", "/root"), ("NAME", "machine")]);
    case.stage.environment = vec![
        ("NAME".into(), "first".into()),
        ("NAME".into(), "last".into()),
        ("EMPTY".into(), String::new()),
    ];
    assert_eq!(case.succeeds(), ["/root last . /usr/bin:/bin"]);
}

#[test]
fn the_working_directory_is_made_where_it_is_missing() {
    needs_namespaces!();
    let mut case = sh("pwd; echo x > file; ls");
    case.stage.working_dir = "/app/src".into();
    assert_eq!(case.succeeds(), ["/app/src", "file"]);
    assert!(!Path::new("/app").exists());
}

#[test]
fn exit_codes_and_signals_are_told() {
    needs_namespaces!();
    let check = |script: &str, end| assert_eq!(sh(script).run().unwrap().end, end);
    check("exit 3", End::Code(3));
    check("kill -9 $$", End::Signal(9));
    check("kill -15 $$", End::Signal(15));
    check("yes | head -1", End::Code(0));
}

#[test]
fn a_command_that_is_not_there_is_named_with_the_path() {
    needs_namespaces!();
    let mut case = sh("");
    case.stage.command = vec!["no-such-tool".into(), "x".into()];
    let error = case.run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to find the command `no-such-tool` of stage `work` on this machine; PATH is `/usr/bin:/bin`"
    );
    // A relative path counts from the stage's folder, not from ours, and PATH has no part in it.
    case.stage.command = vec!["./Cargo.toml".into()];
    assert_eq!(
        case.run().unwrap_err().to_string(),
        "failed to find the command `./Cargo.toml` of stage `work` on this machine"
    );
}

#[test]
fn a_script_without_interpreter_is_told_apart_from_a_missing_command() {
    needs_namespaces!();
    let mut case = sh("").file("script", "#!/no/such/interpreter\n");
    use std::os::unix::fs::PermissionsExt as _;
    let script = case.path("script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    case.stage.command = vec![script.to_str().unwrap().into()];
    assert!(matches!(case.run().unwrap_err(), EngineError::Exec { .. }));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(case.run().unwrap_err(), EngineError::Exec { .. }));
}

#[test]
fn a_mount_over_something_of_another_kind_is_named() {
    needs_namespaces!();
    let case = sh("").mount("dir", "/etc/passwd", false);
    let error = case.run().unwrap_err();
    assert_eq!(error.to_string(), "failed to mount `/etc/passwd` for stage `work`");
}

#[test]
fn a_stage_that_reads_stdin_gets_nothing() {
    needs_namespaces!();
    assert_eq!(sh("cat; read line || echo none").succeeds(), ["none"]);
}

#[test]
fn much_output_is_kept_in_little_memory() {
    needs_namespaces!();
    let ended =
        sh("yes 0123456789 | head -c 10000000; echo; head -c 3000000 /dev/zero; echo; echo last")
            .run()
            .unwrap();
    assert_eq!(ended.tail.lines().last(), Some("last"));
    assert!(ended.tail.dropped() > 900_000);
    assert!(ended.tail.lines().map(str::len).sum::<usize>() < 100_000);
}

#[test]
fn processes_left_behind_are_ended_and_do_not_hold_the_run() {
    needs_namespaces!();
    let case = sh("sleep 1000 & echo $!");
    let begin = std::time::Instant::now();
    let lines = case.succeeds();
    assert!(begin.elapsed().as_secs() < 5);
    // The kill is sent when the run returns; the kernel carries it out when it comes round to that process.
    let left = PathBuf::from(format!("/proc/{}/stat", lines[0]));
    let is_alive = || fs::read_to_string(&left).is_ok_and(|stat| !stat.contains(") Z "));
    while is_alive() && begin.elapsed().as_secs() < 5 {
        std::thread::yield_now();
    }
    assert!(!is_alive());
}

#[test]
fn a_daemon_that_left_the_group_does_not_hold_the_run() {
    needs_namespaces!();
    let case = sh("setsid sleep 3 & echo started; sleep 0.1");
    let begin = std::time::Instant::now();
    assert_eq!(case.succeeds(), ["started"]);
    assert!(begin.elapsed().as_secs() < 2);
}

#[test]
fn dropping_the_run_asks_the_stage_to_end() {
    needs_namespaces!();
    let case = sh("trap 'echo asked > /out/trap; exit 0' TERM; touch /out/ready; while :; do sleep 0.01; done")
        .mount("out", "/out", false);
    let variables = case.environment.iter().map(|(name, value)| (name.into(), value.into()));
    let mut engine = Process::new(variables);
    engine.program = PathBuf::from(env!("CARGO_BIN_EXE_bookend"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ready = async {
            while !case.path("out/ready").exists() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            ended = engine.run(&case.stage) => panic!("{ended:?}"),
            () = ready => {}
        }
    });
    assert_eq!(fs::read_to_string(case.path("out/trap")).unwrap(), "asked\n");
}
