//! The binary from outside: help, names of links, exit codes, and what reaches which stream.

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Every command that has a help of its own.
const COMMANDS: &str =
    ",reader,writer,status,run,show,show work,show placement,show diff,reconcile,install";

/// A variable of no use to the program, set to write `docs/cli.md` anew instead of comparing it.
const UPDATE: &str = "BOOKEND_UPDATE";

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
    command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    command
}

/// What a call brings: exit code, stdout, stderr.
type Seen = (Option<i32>, String, String);

fn seen(output: Output) -> Seen {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn call(arguments: &[&str]) -> Seen {
    seen(program().args(arguments).output().unwrap())
}

/// A folder with a folder cluster in `cluster` and the folders of a pod in `pod`.
struct Pod(tempfile::TempDir);

/// Stands in the object and in no message.
const SECRET: &str = "hunter2-in-the-object";

impl Pod {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let object = dir.path().join("cluster/team-a/databases.example.org/orders.yaml");
        fs::create_dir_all(object.parent().unwrap()).unwrap();
        let text = format!(
            "apiVersion: example.org/v1\nkind: Database\n\
             metadata: {{name: orders, namespace: team-a, uid: u, resourceVersion: '1'}}\n\
             spec: {{password: {SECRET}}}\nstatus: {{note: {SECRET}}}\n"
        );
        fs::write(object, text).unwrap();
        for folder in ["kratix/input", "work-creator-files/input", "work-creator-files/metadata"] {
            fs::create_dir_all(dir.path().join("pod").join(folder)).unwrap();
        }
        Self(dir)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// A command with everything that Kratix sets.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        for (name, value) in [
            ("KRATIX_OBJECT_GROUP", "example.org"),
            ("KRATIX_OBJECT_VERSION", "v1"),
            ("KRATIX_OBJECT_KIND", "Database"),
            ("KRATIX_CRD_PLURAL", "databases"),
            ("KRATIX_OBJECT_NAME", "orders"),
            ("KRATIX_OBJECT_NAMESPACE", "team-a"),
            ("KRATIX_WORKFLOW_ACTION", "configure"),
            ("KRATIX_WORKFLOW_TYPE", "resource"),
            ("KRATIX_PROMISE_NAME", "database"),
            ("KRATIX_PIPELINE_NAME", "p"),
        ] {
            command.env(name, value);
        }
        command.env("BOOKEND_POD_ROOT", self.path("pod")).args(arguments);
        command
    }

    fn on_folder(&self, arguments: &[&str]) -> Seen {
        let command = &mut self.command(arguments);
        seen(command.env("BOOKEND_CLUSTER", self.path("cluster")).output().unwrap())
    }

    /// A command whose API server has this address.
    fn on_server(&self, address: &str, arguments: &[&str]) -> Command {
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\n\
             clusters: [{{name: a, cluster: {{server: 'http://{address}'}}}}]\n\
             contexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n\
             users: [{{name: a, user: {{}}}}]\n"
        );
        fs::write(self.path("kubeconfig"), config).unwrap();
        let mut command = self.command(arguments);
        command.env("KUBECONFIG", self.path("kubeconfig"));
        command
    }
}

#[test]
fn the_help_of_every_command_is_that_of_the_document() {
    let mut text =
        "# The command line\n\nWritten by `BOOKEND_UPDATE=1 cargo test --test it cli::`; \
                    that test compares it otherwise.\n"
            .to_owned();
    for command in COMMANDS.split(',') {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let (code, help, errors) = call(&arguments);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{command}");
        let title = format!("bookend {command}");
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        text += &format!("\n## {}\n\n```text\n{}\n```\n", title.trim_end(), lines.join("\n"));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, &text).unwrap();
    }
    let document = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        document == text,
        "docs/cli.md is not what the program says: run the test with {UPDATE}=1"
    );
}

#[test]
fn help_texts_are_imperative_and_without_full_stop() {
    for command in COMMANDS.split(',') {
        let arguments: Vec<&str> = command.split_whitespace().chain(["-h"]).collect();
        let (_, help, _) = call(&arguments);
        for line in help.lines().map(str::trim_end) {
            assert!(!line.ends_with('.') || line.ends_with('…'), "{command}: {line}");
        }
    }
}

#[test]
fn without_a_command_the_help_is_shown() {
    let (code, help, errors) = call(&[]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(help, call(&["-h"]).1);
    let (code, version, _) = call(&["--version"]);
    assert_eq!(code, Some(0));
    assert_eq!(version, format!("bookend {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_name_of_a_link_chooses_the_command() {
    let dir = tempfile::tempdir().unwrap();
    for (name, expect) in [
        ("reader", "Write the object"),
        ("writer", "Turn the output"),
        ("work-creator", "Turn the output"),
        ("status", "Merge status.yaml"),
        ("update-status", "Merge status.yaml"),
        ("kratix-run", "Run a workflow"),
        ("kratix-show", "Look at"),
        ("pipeline-adapter", "The two ends"),
        ("my-reader", "The two ends"),
    ] {
        let link = dir.path().join(name);
        symlink(env!("CARGO_BIN_EXE_bookend"), &link).unwrap();
        let (code, help, _) = seen(Command::new(&link).env_clear().arg("-h").output().unwrap());
        assert_eq!(code, Some(0), "{name}");
        assert!(help.starts_with(expect), "{name}: {help}");
    }
    // Only the name that it is called by counts, not that of the file.
    let (_, help, _) = seen(program().arg0("/bin/reader").arg("-h").output().unwrap());
    assert!(help.starts_with("Write the object"), "{help}");
}

#[test]
fn a_wrong_command_line_is_exit_code_2_and_one_block_on_stderr() {
    for (arguments, expect) in [
        (&["frobnicate"][..], "error: unrecognized subcommand 'frobnicate'\n"),
        (&["reader", "--frob"], "error: unexpected argument '--frob' found\n"),
        (&["run"], "error: the following required arguments were not provided:\n  <PROMISE>\n"),
        (&["run", "a", "b", "c"], "error: unexpected argument 'c' found\n"),
        (&["run", "a", "--action", "x"], "error: invalid value 'x' for '--action <ACTION>'\n"),
        (&["writer", "--output", "json"], "error: the following required arguments were not"),
        (
            &["writer", "--max-files", "many"],
            "error: invalid value 'many' for '--max-files <COUNT>'",
        ),
    ] {
        let (code, out, errors) = call(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(errors.starts_with(expect), "{arguments:?}: {errors}");
        assert_eq!(errors.matches("error:").count(), 1, "{errors}");
    }
    let (code, out, errors) = call(&["reader", "--cluster", "none", "--object-name", "a"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    let expect = "error: the reader is not told what to read: KRATIX_OBJECT_GROUP, KRATIX_OBJECT_VERSION, \
                  KRATIX_CRD_PLURAL, KRATIX_OBJECT_NAMESPACE not set\n";
    assert!(errors.starts_with(expect), "{errors}");
}

#[test]
fn a_variable_of_ours_that_is_set_but_empty_counts_as_not_set() {
    let pod = Pod::new();
    let arguments = ["writer", "--input-directory", "/work-creator-files", "--namespace", "team-a"];
    let mut command = pod.command(&arguments);
    command.env("BOOKEND_CLUSTER", pod.path("cluster"));
    for name in ["BOOKEND_LOG", "BOOKEND_LOG_FORMAT", "BOOKEND_MAX_FILES", "BOOKEND_MAX_WORK_BYTES"]
    {
        command.env(name, "");
    }
    let (code, _, errors) = seen(command.output().unwrap());
    assert_eq!(code, Some(0), "{errors}");
    // But one with a wrong value is told.
    let (code, _, errors) = seen(command.env("BOOKEND_MAX_FILES", "many").output().unwrap());
    assert_eq!(code, Some(2));
    assert!(
        errors.starts_with("error: invalid value 'many' for '--max-files <COUNT>'"),
        "{errors}"
    );
}

#[test]
fn surplus_words_do_not_stop_a_step() {
    let pod = Pod::new();
    let (code, _, errors) = pod.on_folder(&["reader", "--", "more", "words"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("ignored arguments that no setting takes words=2"), "{errors}");
}

#[test]
fn work_done_is_exit_code_0() {
    let pod = Pod::new();
    let (code, out, errors) = pod.on_folder(&["reader"]);
    assert_eq!((code, out.as_str()), (Some(0), ""), "{errors}");
    let object = fs::read_to_string(pod.path("pod/kratix/input/object.yaml")).unwrap();
    assert!(object.contains(SECRET));
}

#[test]
fn a_wrong_file_of_the_pipeline_is_exit_code_3_with_cause_and_hint() {
    let pod = Pod::new();
    let file = pod.path("pod/work-creator-files/metadata/status.yaml");
    fs::write(&file, "- a\n").unwrap();
    let (code, out, errors) = pod.on_folder(&["status", "--log", "error"]);
    assert_eq!((code, out.as_str()), (Some(3), ""));
    let expect = format!(
        "error: failed to use `{}` as a status\n  caused by: expected a map, found a list\n  \
         hint: make the top level of the file a map, or leave it out if there is nothing to report\n",
        file.display()
    );
    assert_eq!(errors, expect);
}

#[test]
fn what_the_cluster_refuses_is_exit_code_4() {
    let pod = Pod::new();
    let (code, out, errors) = pod.on_folder(&["reader", "--log", "error", "--object-name", "none"]);
    assert_eq!((code, out.as_str()), (Some(4), ""));
    let lines: Vec<&str> = errors.lines().collect();
    assert!(lines[0].starts_with("error: ") && lines[0].contains("team-a/none"), "{errors}");
    assert!(lines.last().unwrap().starts_with("  hint: "), "{errors}");
}

#[test]
fn a_cluster_that_does_not_answer_is_exit_code_5() {
    let pod = Pod::new();
    // Nobody is given this port by chance, as one that was free a moment ago may be to a test beside this one.
    let command = &mut pod.on_server("127.0.0.1:1", &["reader", "--log", "error"]);
    let (code, out, errors) = seen(command.output().unwrap());
    assert_eq!((code, out.as_str()), (Some(5), ""), "{errors}");
    assert!(errors.starts_with("error: "), "{errors}");
    assert!(
        errors.lines().last().unwrap().starts_with("  hint: check that the API server"),
        "{errors}"
    );
    // Nor does one that nobody has named.
    let (code, _, errors) = seen(pod.command(&["reader"]).env("HOME", "/none").output().unwrap());
    assert_eq!(code, Some(5), "{errors}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_failing_stage_is_exit_code_6() {
    if !crate::run::support::namespaces_are_allowed() {
        eprintln!("skipped: this machine does not allow user and mount namespaces");
        return;
    }
    let case = crate::run::support::resource(&crate::run::support::pipeline("p", "exit 9"));
    let command = &mut program();
    command
        .arg("run")
        .args([Some(&case.args.promise), case.args.request.as_ref()].into_iter().flatten());
    let (code, out, errors) = seen(command.output().unwrap());
    assert_eq!(code, Some(6));
    assert!(out.contains("stage  exit code 9"), "{out}");
    let expect = "error: stage `stage` of pipeline `p` ended with exit code 9\n  caused by: it wrote nothing\n";
    assert_eq!(errors, expect);
}

#[test]
fn sigterm_is_exit_code_143() {
    let pod = Pod::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut command = pod.on_server(&address, &["reader"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // Once it has asked something it waits for an answer that does not come.
    let (mut connection, _) = listener.accept().unwrap();
    assert!(connection.read(&mut [0; 16]).unwrap() > 0);
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143), "{errors}");
    assert!(errors.contains("SIGTERM"), "{errors}");
    assert!(!pod.path("pod/kratix/input/object.yaml").exists());
}

#[test]
fn nothing_of_the_object_reaches_the_log() {
    let pod = Pod::new();
    let metadata = |name: &str| pod.path("pod/work-creator-files/metadata").join(name);
    fs::write(metadata("status.yaml"), format!("note: {SECRET}-more\n")).unwrap();
    fs::write(pod.path("pod/work-creator-files/input/a"), SECRET).unwrap();
    for arguments in [
        &["reader"][..],
        &["writer", "--input-directory", "/work-creator-files", "--namespace", "team-a"],
        &["status", "--is-last-pipeline", "true"],
    ] {
        for format in ["plain", "json"] {
            let more = ["--log", "trace", "--log-format", format];
            let (code, out, errors) = pod.on_folder(&[arguments, &more].concat());
            assert_eq!(code, Some(0), "{errors}");
            assert!(!out.contains(SECRET) && !errors.contains(SECRET), "{arguments:?}: {errors}");
        }
    }
    // Nor an error: of a file that is wrong, only the place is told.
    fs::write(metadata("status.yaml"), format!("note: [{SECRET}\nmore: '{SECRET}\n")).unwrap();
    let (code, _, errors) = pod.on_folder(&["status", "--log", "trace"]);
    assert_eq!(code, Some(3), "{errors}");
    assert!(!errors.contains(SECRET), "{errors}");
}

#[test]
fn a_folder_that_is_not_there_is_no_empty_cluster() {
    let (code, out, errors) = call(&["show", "work", "--cluster", "/none/such"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    let expect = "error: failed to find the folder `/none/such` of `--cluster`\n  \
                  hint: name a folder that an earlier `run --cluster` has made\n";
    assert_eq!(errors, expect);
}

#[test]
fn a_result_that_cannot_be_printed_is_an_error() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let output = Command::new(env!("CARGO_BIN_EXE_bookend"))
        .args(["run", "fixtures/database/promise.yaml", "fixtures/database/request.yaml"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("error: failed to write the result to stdout"), "{text}");
}

#[test]
fn a_login_that_fails_is_not_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let (asked, config) = (dir.path().join("asked"), dir.path().join("config"));
    // The first answer, to the start, has expired already; the request asks for another one and gets none.
    let credential = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
        "status":{"token":"t","expirationTimestamp":"2020-01-01T00:00:00Z"}}"#;
    let file = asked.display();
    let login = format!(
        "echo x >>{file}; [ $(wc -l <{file}) = 1 ] || {{ echo {SECRET}; exit 1; }}; echo '{credential}'"
    );
    let text = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
            "command": "/bin/sh", "args": ["-c", login],
        }}}],
    });
    fs::write(&config, text.to_string()).unwrap();
    let object = ["group=g.io", "version=v1", "name=a"].map(|word| format!("--object-{word}"));
    let mut reader = program();
    reader.arg("reader").args(object).args(["--crd-plural", "as"]).env("KUBECONFIG", &config);
    let (code, _, errors) = seen(reader.output().unwrap());
    assert_eq!(code, Some(5), "{errors}");
    assert!(errors.contains("no trusted way to the cluster"), "{errors}");
    assert!(!errors.contains(SECRET), "{errors}");
    assert_eq!(fs::read_to_string(asked).unwrap(), "x\nx\n", "{errors}");
}
