//! Writers with a `GitStore`: of one process, grouped, and alone.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bookend::cluster::live::{LiveCluster, RetryPolicy};
use bookend::core::placement::{Change, Content, Edit, File as Put, StorePath};
use bookend::destination::lease;
use bookend::store::Store as _;
use bookend::store::credentials::Credentials;
use bookend::store::git::{CommitSettings, Commits};
use bookend::store::group::{Group, Limits};
use bookend::store::open::{AnyStore, Options, open};
use tokio::runtime::{Builder, Runtime};

use crate::figures::Figures;
use crate::lease::NAMESPACE;
use crate::repository::{folder, output_files};
use crate::{Arguments, Role};

/// A runtime like that of the reconciler, or with one thread like that of a step.
fn runtime(threads: usize) -> Runtime {
    let mut builder =
        if threads > 1 { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    builder.enable_all().build().unwrap()
}

fn store(arguments: &Arguments) -> AnyStore {
    let commits = Commits::new(CommitSettings::default()).unwrap();
    let mut options = Options::new(std::env::temp_dir(), commits);
    options.authorities = arguments.authority.as_ref().map(|file| std::fs::read(file).unwrap());
    options.time_max = Duration::from_secs(600);
    options.attempts_max = 1_000;
    let address = format!("git+{}#main", arguments.url).parse().unwrap();
    open(&address, &Credentials::Ambient, &options).unwrap()
}

/// What a writer wants in a round: the files of its output, other than before.
fn change(output: usize, round: usize) -> Change {
    let at = StorePath::exact(&folder(output)).unwrap();
    let files = output_files(output, round).into_iter().map(|(name, text)| Put {
        at: at.join(&name).unwrap(),
        content: Content::Bytes(text.into_bytes().into()),
    });
    let edits = vec![Edit::Folder { at: at.clone(), files: files.collect() }];
    Change { name: format!("writer-{output}"), edits, ..Change::default() }
}

/// All writers in one process: what is asked for while a push is under way goes with the next.
pub(crate) fn grouped(arguments: &Arguments) -> Figures {
    runtime(2).block_on(async {
        let store = store(arguments);
        store.list(&StorePath::exact("nowhere").unwrap()).await.unwrap();
        let group = Arc::new(Group::over(store, Limits::default(), || true, |_| {}));
        let begun = Instant::now();
        let end = begun + Duration::from_secs_f64(arguments.seconds);
        let write = |writer: usize| {
            let group = Arc::clone(&group);
            async move {
                let mut figures = Figures::default();
                let mut round = 0;
                while Instant::now() < end {
                    round += 1;
                    let wanted = Instant::now();
                    let applied = group.submit(change(writer, round)).await.unwrap();
                    figures.add(wanted.elapsed(), applied.attempts);
                }
                figures
            }
        };
        let writers: Vec<_> =
            (0..arguments.count).map(|writer| tokio::spawn(write(writer))).collect();
        let mut all = Figures::default();
        for writer in writers {
            all.join(writer.await.unwrap());
        }
        all.seconds = begun.elapsed().as_secs_f64();
        all
    })
}

/// One writer of a process of its own, which takes its turn by a Lease when there is one.
pub(crate) fn alone(arguments: &Arguments) -> Figures {
    let is_pod = arguments.role == Some(Role::Pod);
    runtime(1).block_on(async {
        let mut known = None;
        if !is_pod {
            let store = store(arguments);
            store.list(&StorePath::exact("nowhere").unwrap()).await.unwrap();
            known = Some((store, cluster(arguments).await));
        }
        let mut figures = Figures::default();
        let begun = Instant::now();
        let end = begun + Duration::from_secs_f64(arguments.seconds);
        let mut round = 0;
        while Instant::now() < end {
            round += 1;
            let wanted = Instant::now();
            let (store, cluster) = match known.take() {
                Some(known) => known,
                None => (store(arguments), cluster(arguments).await),
            };
            let change = [change(arguments.first, round)];
            let write = store.apply(&change, &|| true);
            let results = match &cluster {
                None => write.await,
                Some(cluster) => {
                    let name = lease::name_of(&arguments.url);
                    let times = lease::Times::default();
                    let mut queue = lease::Queue::new(cluster, NAMESPACE, &name, "writer", times);
                    assert!(queue.take(store.prefetch()).await, "waited for too long");
                    queue.with(write).await
                }
            };
            let applied = results.into_iter().next().unwrap().unwrap();
            figures.add(wanted.elapsed(), applied.attempts);
            if !is_pod {
                known = Some((store, cluster));
            }
        }
        figures.seconds = begun.elapsed().as_secs_f64();
        figures
    })
}

/// Where the Lease is by which writers take turns.
async fn cluster(arguments: &Arguments) -> Option<LiveCluster> {
    match arguments.lease {
        true => Some(LiveCluster::connect(RetryPolicy::default()).await.unwrap()),
        false => None,
    }
}

/// 50 MB that cannot be packed smaller, in files of a folder on the disk, as one change.
pub(crate) fn large(arguments: &Arguments) -> Figures {
    let source = tempfile::tempdir().unwrap();
    let root = Arc::new(source.path().to_owned());
    let at = StorePath::exact("resources/large").unwrap();
    let mut state = 88_172_645_463_325_252_u64;
    let mut files = Vec::new();
    let size = 50_000_000 / arguments.parts;
    for index in 0..arguments.parts {
        let path = PathBuf::from(format!("file-{index}"));
        // No more than a piece is held: the peak is to be the store's.
        let mut file = BufWriter::new(File::create(root.join(&path)).unwrap());
        for _ in 0..size / 8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            file.write_all(&state.to_le_bytes()).unwrap();
        }
        file.flush().unwrap();
        let content = Content::Disk { root: root.clone(), path, bytes: size as u64 };
        files.push(Put { at: at.join(&format!("file-{index}")).unwrap(), content });
    }
    let edits = vec![Edit::Folder { at, files }];
    let change = Change { name: "large".to_owned(), edits, ..Change::default() };
    runtime(1).block_on(async {
        let store = store(arguments);
        let begun = Instant::now();
        let applied = store.apply(&[change], &|| true).await.remove(0).unwrap();
        let mut figures = Figures::default();
        figures.add(begun.elapsed(), applied.attempts);
        figures.seconds = begun.elapsed().as_secs_f64();
        figures
    })
}
