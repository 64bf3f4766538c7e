//! Writers with a `GitStore`: of one process, grouped, and alone.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bookend::core::placement::{Change, Content, Edit, File as Put, StorePath};
use bookend::store::Store as _;
use bookend::store::credentials::Credentials;
use bookend::store::git::{CommitSettings, Commits};
use bookend::store::group::{Group, Limits};
use bookend::store::open::{AnyStore, Options, open};
use tokio::runtime::{Builder, Runtime};

use crate::Arguments;
use crate::figures::Figures;
use crate::repository::{folder, output_files};

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

/// One writer, which takes its turn by a lock of a file when there is one.
pub(crate) fn alone(arguments: &Arguments) -> Figures {
    runtime(1).block_on(async {
        let store = store(arguments);
        store.list(&StorePath::exact("nowhere").unwrap()).await.unwrap();
        let turn = arguments.turn.as_ref().map(|path| Arc::new(File::create(path).unwrap()));
        let mut figures = Figures::default();
        let begun = Instant::now();
        let end = begun + Duration::from_secs_f64(arguments.seconds);
        let mut round = 0;
        while Instant::now() < end {
            round += 1;
            let wanted = Instant::now();
            if let Some(turn) = turn.clone() {
                tokio::task::spawn_blocking(move || turn.lock()).await.unwrap().unwrap();
            }
            let results = store.apply(&[change(arguments.first, round)], &|| true).await;
            if let Some(turn) = &turn {
                turn.unlock().unwrap();
            }
            let applied = results.into_iter().next().unwrap().unwrap();
            figures.add(wanted.elapsed(), applied.attempts);
        }
        figures.seconds = begun.elapsed().as_secs_f64();
        figures
    })
}

/// 50 MB that cannot be packed smaller, in 5,000 files of a folder on the disk, as one change.
pub(crate) fn large(arguments: &Arguments) -> Figures {
    let source = tempfile::tempdir().unwrap();
    let root = Arc::new(source.path().to_owned());
    let at = StorePath::exact("resources/large").unwrap();
    let mut state = 88_172_645_463_325_252_u64;
    let mut files = Vec::new();
    for index in 0..5_000 {
        let path = PathBuf::from(format!("file-{index}"));
        let mut bytes = Vec::with_capacity(10_000);
        while bytes.len() < 10_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        std::fs::write(root.join(&path), &bytes).unwrap();
        let content = Content::Disk { root: root.clone(), path, bytes: bytes.len() as u64 };
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
