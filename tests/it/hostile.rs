//! Output folders that are up to no good: each is refused with its path, or published as what it is.
//!
//! What a pipeline can leave behind, and where it is tested; `metadata` has the three files beside the output.
//!
//! | left behind | output folder, here | metadata files, `metadata` |
//! |---|---|---|
//! | link to a file outside | `a_link_to_a_file_outside_…`, `a_link_through_a_link_…`, `…_same_beginning_…` | `what_is_no_file_…` |
//! | link to a folder | `a_link_to_a_folder_…`, `a_link_to_the_folder_itself_…` | `what_is_no_file_…` |
//! | loop of links | `a_loop_of_links_…` | `what_is_no_file_…` |
//! | pipe, socket | `a_pipe_…`, `a_socket_…` | `what_is_no_file_…` |
//! | device | `a_device_…`, `a_link_to_a_device_…` | `what_is_no_file_…` |
//! | unreadable file | `an_unreadable_file_…` | `a_file_that_may_not_be_read_…` |
//! | 10^5 files | `a_hundred_thousand_files_…` | only three are looked at: `other_files_…` |
//! | 1 GB sparse file | `a_sparse_gigabyte_…` | `what_is_no_file_…` |
//! | line break, `-` in a name | `names_with_line_breaks_…` | names are fixed |
//! | name that is not UTF-8 | `a_name_that_is_not_utf8_…` | `other_files_…` |
//! | exchanged after the look | `a_folder_that_becomes_a_link_…`, `a_file_that_becomes_…` | opened in the same way |
//! | absent, empty, wrong type, too large, unknown key, valid after invalid | – | `absent_empty_wrong_…` |

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use bookend::exit::Exit;
use bookend::files::tree::{self, Limits, TreeError};
use bookend::steps::writer::Outcome;

use crate::double::Double;
use crate::pod::Pod;

/// Returns the paths that are published.
async fn published(pod: &Pod) -> Vec<String> {
    let cluster = Double::default();
    assert!(matches!(pod.run(&cluster).await.unwrap(), Outcome::Wrote(_)));
    let works = cluster.works();
    let groups = works[0].at(&["spec", "workloadGroups"]).and_then(|g| g.as_array()).unwrap();
    let files = groups.iter().flat_map(|group| group["workloads"].as_array().unwrap());
    files.map(|file| file["filepath"].as_str().unwrap().to_owned()).collect()
}

async fn check_refused(pod: &Pod, expect: &str) {
    let text = pod.refused(Exit::Input).await;
    assert!(text.starts_with(&format!("error: {expect}\n")), "{text}");
    assert!(text.contains("\n  hint: ") || text.contains("failed to read"), "{text}");
}

#[tokio::test]
async fn a_link_to_a_file_outside_is_refused() {
    let pod = Pod::with(&[("a", "1")]);
    pod.write("metadata/secret", "sssh");
    symlink("../metadata/secret", pod.path("input/leak")).unwrap();
    check_refused(
        &pod,
        "refused to follow the link `[ROOT]/input/leak` out of the folder, to `../metadata/secret`",
    )
    .await;
    fs::remove_file(pod.path("input/leak")).unwrap();
    symlink("/etc/hostname", pod.path("input/host")).unwrap();
    check_refused(
        &pod,
        "refused to follow the link `[ROOT]/input/host` out of the folder, to `/etc/hostname`",
    )
    .await;
}

#[tokio::test]
async fn a_link_through_a_link_outside_is_refused() {
    let pod = Pod::with(&[("a", "1")]);
    pod.write("metadata/secret", "sssh");
    symlink("../metadata", pod.path("input/door")).unwrap();
    let text = pod.refused(Exit::Input).await;
    assert!(text.contains("`[ROOT]/input/door` out of the folder"), "{text}");
}

#[tokio::test]
async fn a_folder_beside_it_with_the_same_beginning_is_outside() {
    let pod = Pod::with(&[]);
    pod.write("input-2/secret", "sssh");
    symlink("../input-2/secret", pod.path("input/leak")).unwrap();
    let text = pod.refused(Exit::Input).await;
    assert!(text.contains("out of the folder"), "{text}");
}

#[tokio::test]
async fn a_link_to_a_file_inside_is_published_as_that_file() {
    let pod = Pod::with(&[("dir/real", "1")]);
    symlink("dir/real", pod.path("input/link")).unwrap();
    symlink("../link", pod.path("input/dir/back")).unwrap();
    symlink(pod.path("input/dir/real"), pod.path("input/absolute")).unwrap();
    assert_eq!(published(&pod).await, ["absolute", "dir/back", "dir/real", "link"]);
}

#[tokio::test]
async fn a_link_to_a_folder_is_refused() {
    let pod = Pod::with(&[("d/f", "1")]);
    symlink("d", pod.path("input/ld")).unwrap();
    check_refused(&pod, "refused to follow the link `[ROOT]/input/ld`: `d` is a folder").await;
    pod.write("metadata/destination-selectors.yaml", "- directory: ld\n  matchLabels: {a: b}");
    check_refused(&pod, "refused to follow the link `[ROOT]/input/ld`: `d` is a folder").await;
}

#[tokio::test]
async fn a_link_to_the_folder_itself_is_refused() {
    let pod = Pod::with(&[]);
    symlink(".", pod.path("input/self")).unwrap();
    check_refused(&pod, "refused to follow the link `[ROOT]/input/self`: `` is a folder").await;
}

#[tokio::test]
async fn a_loop_of_links_is_refused() {
    let pod = Pod::with(&[]);
    symlink("b", pod.path("input/a")).unwrap();
    symlink("a", pod.path("input/b")).unwrap();
    let text = pod.refused(Exit::Input).await;
    assert!(text.starts_with("error: failed to follow the link `[ROOT]/input/"), "{text}");
    assert!(text.contains("caused by: Too many levels of symbolic links"), "{text}");
}

#[tokio::test]
async fn a_link_to_nothing_is_refused() {
    let pod = Pod::with(&[]);
    symlink("nowhere", pod.path("input/gone")).unwrap();
    check_refused(&pod, "failed to follow the link `[ROOT]/input/gone` to `nowhere`").await;
}

#[tokio::test]
async fn an_output_folder_behind_a_link_is_read() {
    let pod = Pod::with(&[]);
    fs::remove_dir(pod.path("input")).unwrap();
    pod.write("other/a", "1");
    symlink("other", pod.path("input")).unwrap();
    assert_eq!(published(&pod).await, ["a"]);
}

#[tokio::test]
async fn a_pipe_is_refused_and_does_not_block() {
    let pod = Pod::with(&[("a", "1")]);
    fs::create_dir(pod.path("input/sub")).unwrap();
    let mode = nix::sys::stat::Mode::S_IRWXU;
    nix::unistd::mkfifo(&pod.path("input/sub/pipe"), mode).unwrap();
    check_refused(&pod, "refused to read `[ROOT]/input/sub/pipe`: it is a pipe").await;
    // Nor behind a link, where the walk sees the link first or last.
    for link in ["input/link", "input/sub/zzz"] {
        symlink(pod.path("input/sub/pipe"), pod.path(link)).unwrap();
        let text = pod.refused(Exit::Input).await;
        assert!(text.contains("it is a pipe"), "{text}");
    }
}

#[tokio::test]
async fn a_socket_is_refused() {
    let pod = Pod::with(&[]);
    let _listener = UnixListener::bind(pod.path("input/sock")).unwrap();
    check_refused(&pod, "refused to read `[ROOT]/input/sock`: it is a socket").await;
}

#[tokio::test]
async fn a_link_to_a_device_is_refused() {
    let pod = Pod::with(&[]);
    symlink("/dev/zero", pod.path("input/zero")).unwrap();
    let expect = "refused to follow the link `[ROOT]/input/zero` out of the folder, to `/dev/zero`";
    check_refused(&pod, expect).await;
}

#[tokio::test]
async fn a_device_is_refused() {
    use nix::sys::stat::{Mode, SFlag, makedev, mknod};
    let pod = Pod::with(&[]);
    let null = mknod(&pod.path("input/null"), SFlag::S_IFCHR, Mode::S_IRWXU, makedev(1, 3));
    if null.is_ok() {
        check_refused(&pod, "refused to read `[ROOT]/input/null`: it is a device").await;
    } else {
        // Without the right to make one: a folder of the system that holds some and nothing else before them.
        let error = tree::walk(Path::new("/dev"), Limits::default()).unwrap_err();
        println!("no right to make a device here; /dev itself gives: {error}");
    }
}

/// Runs one of these tests again as a user who is not root, for whom modes mean something.
pub(crate) fn again_as_nobody(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Where it was built nobody may be allowed to look. Copied by another process: a file that this one has open for
    // writing cannot be run as long as a test beside this one is between its fork and its exec.
    let program = folder.path().join("it");
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status();
    assert!(copied.unwrap().success());
    let output = Command::new(program)
        .args(["--exact", test, "--nocapture"])
        .current_dir("/")
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
async fn an_unreadable_file_is_refused() {
    if nix::unistd::geteuid().is_root() {
        return again_as_nobody("hostile::an_unreadable_file_is_refused");
    }
    let pod = Pod::with(&[("a", "1"), ("secret", "2"), ("dir/b", "3")]);
    let lock = |path: &str, mode| {
        fs::set_permissions(pod.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    lock("input/secret", 0);
    let text = pod.refused(Exit::Input).await;
    assert!(text.starts_with("error: failed to read `[ROOT]/input/secret`\n"), "{text}");
    assert!(text.contains("caused by: Permission denied"), "{text}");
    lock("input/dir", 0);
    let text = pod.refused(Exit::Input).await;
    assert!(text.starts_with("error: failed to read `[ROOT]/input/dir`\n"), "{text}");
    lock("input/dir", 0o755);
}

#[tokio::test]
async fn a_hundred_thousand_files_are_refused() {
    let pod = Pod::with(&[]);
    for index in 0..100_000 {
        File::create(pod.path("input").join(index.to_string())).unwrap();
    }
    check_refused(&pod, "more than 10000 files and folders in `[ROOT]/input`").await;
}

#[tokio::test]
async fn as_many_files_as_allowed_are_taken() {
    let mut pod = Pod::with(&[("a", "1"), ("d/b", "2")]);
    pod.args.limits.files_max = 3;
    assert_eq!(published(&pod).await, ["a", "d/b"]);
    pod.write("input/c", "3");
    check_refused(&pod, "more than 3 files and folders in `[ROOT]/input`").await;
}

#[tokio::test]
async fn a_sparse_gigabyte_is_refused_without_reading_it() {
    let pod = Pod::with(&[("a", "1")]);
    File::create(pod.path("input/huge")).unwrap().set_len(1 << 30).unwrap();
    check_refused(&pod, "`[ROOT]/input/huge` has 1073741824 bytes, more than 16777216").await;
}

#[tokio::test]
async fn files_that_are_too_much_together_are_refused_with_the_biggest() {
    let mut pod = Pod::with(&[("a", "1"), ("dir/b", "22"), ("c", "333")]);
    pod.args.limits.total_bytes_max = 5;
    let text = pod.refused(Exit::Input).await;
    assert_eq!(
        text,
        "error: the files in `[ROOT]/input` have 6 bytes, more than 5\n  \
         hint: write less, or raise `--max-total-bytes`; the biggest files are\n    \
         `c`: 3 bytes\n    `dir/b`: 2 bytes\n    `a`: 1 bytes\n"
    );
    pod.args.limits.total_bytes_max = 6;
    assert_eq!(published(&pod).await, ["a", "c", "dir/b"]);
}

#[tokio::test]
async fn names_with_line_breaks_dashes_and_quotes_are_published() {
    let names = ["-rf", "...", "..dots", "back\\slash", "new\nline", "tab\t", "trailing ", "ünï😀"];
    let pod = Pod::with(&names.map(|name| (name, "1")));
    assert_eq!(published(&pod).await, names);
}

#[tokio::test]
async fn a_name_that_is_not_utf8_is_refused() {
    let pod = Pod::with(&[]);
    let name = OsStr::from_bytes(b"bad\xff\n.yaml");
    fs::write(pod.path("input").join(name), "1").unwrap();
    check_refused(&pod, r"the name of `[ROOT]/input/bad\xFF\n.yaml` is not UTF-8").await;
}

#[tokio::test]
async fn git_folders_are_refused_at_any_depth_and_in_any_case() {
    for path in [".git/config", "sub/.GIT/hooks/x", "deep/er/.Git"] {
        let pod = Pod::with(&[(path, "1")]);
        let text = pod.refused(Exit::Input).await;
        assert!(
            text.starts_with("error: refused to publish the git folder `[ROOT]/input/"),
            "{text}"
        );
    }
    let pod = Pod::with(&[(".gitignore", "1"), ("a.git/b", "2"), (".kratix/state.yaml", "3")]);
    assert_eq!(published(&pod).await, [".gitignore", ".kratix/state.yaml", "a.git/b"]);
}

#[test]
fn a_folder_that_becomes_a_link_after_the_walk_is_not_followed() {
    let pod = Pod::with(&[("dir/token", "mine")]);
    pod.write("outside/token", "sssh");
    let tree = tree::walk(&pod.path("input"), Limits::default()).unwrap();
    fs::rename(pod.path("input/dir"), pod.path("input/away")).unwrap();
    symlink("../outside", pod.path("input/dir")).unwrap();
    let mut reader = tree.reader().unwrap();
    assert!(matches!(reader.read(&tree.files[0]), Err(TreeError::File(_))));
}

#[test]
fn a_file_that_becomes_something_else_after_the_walk_is_refused() {
    let pod = Pod::with(&[("a", "1"), ("b", "2")]);
    let limits = Limits { file_bytes_max: 4, ..Limits::default() };
    let tree = tree::walk(&pod.path("input"), limits).unwrap();
    fs::write(pod.path("input/a"), "12345").unwrap();
    fs::remove_file(pod.path("input/b")).unwrap();
    nix::unistd::mkfifo(&pod.path("input/b"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut reader = tree.reader().unwrap();
    assert!(matches!(reader.read(&tree.files[0]), Err(TreeError::FileTooLarge { bytes: 5, .. })));
    assert!(matches!(reader.read(&tree.files[1]), Err(TreeError::Special { what: "a pipe", .. })));
}
