//! `show work` on a folder cluster.

use bookend::cluster::folder::FolderCluster;
use bookend::contract::Object;
use bookend::contract::kinds::WORK;
use bookend::core::workloads::Packer;
use bookend::exit::{Exit, Fault as _};
use bookend::report;
use bookend::show::{self, ShowWork};
use serde_json::json;

use crate::double::{Double, work};

/// Namespace, name, and files with their content.
type Laid<'a> = (&'a str, &'a str, &'a [(&'a str, &'a [u8])]);

/// A cluster with two Works of one pipeline and one of another namespace.
fn cluster() -> (tempfile::TempDir, FolderCluster) {
    let root = tempfile::tempdir().unwrap();
    let cluster = FolderCluster::new(root.path());
    let works: [Laid<'_>; 3] = [
        ("team-a", "redis-one-aaaaa", &[("a.yaml", b"a: 1\n"), ("dir/b.bin", &[0xff])]),
        ("team-a", "redis-two-bbbbb", &[("a.yaml", b"a: 2\n"), ("c.yaml", b"c\n")]),
        ("team-b", "kafka-ccccc", &[]),
    ];
    for (namespace, name, files) in works {
        let files: Vec<_> = files
            .iter()
            .map(|(path, bytes)| json!({"filepath": path, "content": Packer::default().pack(bytes).unwrap()}))
            .collect();
        let mut work = Object::new(&WORK, Some(namespace), name);
        let selectors = json!([{"matchLabels": {"env": "dev"}, "source": "promise"}]);
        let groups =
            json!([{"directory": ".", "workloads": files, "destinationSelectors": selectors}]);
        let spec = json!({"promiseName": "redis", "lastExecutionTimestamp": "2026-01-02T03:04:05Z", "workloadGroups": groups});
        work.0.insert("spec".into(), spec);
        cluster.place(&WORK, &work).unwrap();
    }
    (root, cluster)
}

fn args(name: Option<&str>) -> ShowWork {
    ShowWork {
        name: name.map(str::to_owned),
        other: None,
        namespace: None,
        file: None,
        now: "2026-01-02T03:05:05Z".parse().unwrap(),
    }
}

/// Returns what is printed, or the whole block of the error.
async fn shown(args: ShowWork) -> String {
    let (_root, cluster) = cluster();
    match show::run(&cluster, &args).await {
        Ok(text) => text,
        Err(error) => report::render(&error),
    }
}

#[tokio::test]
async fn works_are_listed() {
    let expected = "\
WORK                    PROMISE  RESOURCE  PIPELINE  GROUPS  FILES  SIZE  LAST RUN
team-a/redis-one-aaaaa  redis    -         -         1       2      6 B   60s ago
team-a/redis-two-bbbbb  redis    -         -         1       2      7 B   60s ago
team-b/kafka-ccccc      redis    -         -         1       0      0 B   60s ago
";
    assert_eq!(shown(args(None)).await, expected);
    let only = shown(ShowWork { namespace: Some("team-b".into()), ..args(None) }).await;
    assert_eq!(only.lines().count(), 2);
    let none = shown(ShowWork { namespace: Some("team-c".into()), ..args(None) }).await;
    assert_eq!(none, "there are no works in namespace `team-c`\n");
}

#[tokio::test]
async fn a_work_is_found_by_name_namespace_and_the_start_of_its_name() {
    for name in ["redis-one-aaaaa", "team-a/redis-one-aaaaa", "redis-one", "team-a/redis-o"] {
        let text = shown(args(Some(name))).await;
        assert!(text.starts_with("team-a/redis-one-aaaaa\n"), "{text}");
        assert!(
            text.ends_with(
                ".\n  to env=dev (from promise)\n├── dir/\n│   └── b.bin  1 B\n└── a.yaml  5 B\n"
            ),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_name_that_fits_none_or_several_is_an_error_that_names_them() {
    assert_eq!(
        shown(args(Some("redis"))).await,
        "error: `redis` can be any of team-a/redis-one-aaaaa, team-a/redis-two-bbbbb\n  hint: give the whole name, as \
         `namespace/name`\n"
    );
    assert_eq!(
        shown(args(Some("team-b/redis-one"))).await,
        "error: no work is called `redis-one` in namespace `team-b`\n  hint: choose one of team-b/kafka-ccccc\n"
    );
}

#[tokio::test]
async fn one_file_is_shown_as_it_is() {
    let file = |path: &str| ShowWork { file: Some(path.into()), ..args(Some("redis-one")) };
    assert_eq!(shown(file("a.yaml")).await, "a: 1\n");
    assert_eq!(
        shown(file("b.yaml")).await,
        "error: `team-a/redis-one-aaaaa` holds no file `b.yaml`\n  hint: choose one of a.yaml, dir/b.bin\n"
    );
    assert!(shown(file("dir/b.bin")).await.starts_with("error: `dir/b.bin` is no text: 1 bytes\n"));
}

#[tokio::test]
async fn two_works_are_compared() {
    let two = |file: Option<&str>, other: &str| ShowWork {
        other: Some(other.into()),
        file: file.map(str::to_owned),
        ..args(Some("redis-one"))
    };
    let change = "--- a/a.yaml\n+++ b/a.yaml\n@@ -1 +1 @@\n-a: 1\n+a: 2\n";
    assert_eq!(
        shown(two(None, "redis-two")).await,
        format!("{change}added c.yaml  2 B\nremoved dir/b.bin  1 B\n")
    );
    assert_eq!(shown(two(Some("a.yaml"), "redis-two")).await, change);
    assert_eq!(
        shown(two(None, "redis-one")).await,
        "team-a/redis-one-aaaaa and team-a/redis-one-aaaaa hold the same\n"
    );
}

#[tokio::test]
async fn what_the_cluster_refuses_is_refused() {
    let (_root, cluster) = cluster();
    let error = show::run(&cluster, &args(Some("../x/y"))).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Usage, "{error}");
}

#[tokio::test]
async fn ages_go_by_the_clock_of_the_cluster() {
    let mut work = work("team-a", "redis-one-aaaaa", &[]);
    work["spec"] = json!({"lastExecutionTimestamp": "2026-01-02T03:04:05Z"});
    let cluster = Double::with(&WORK, [work]).at("2026-01-02T03:04:45Z".parse().unwrap());
    let there = |name| ShowWork { namespace: Some("team-a".into()), ..args(name) };
    let list = show::run(&cluster, &there(None)).await.unwrap();
    assert!(list.ends_with("  40s ago\n"), "{list}");
    let tree = show::run(&cluster, &there(Some("redis-one"))).await.unwrap();
    assert!(tree.contains("last run  40s ago\n"), "{tree}");
}
