//! Puts Promises and requests on a cluster, plays the kubelet ([`standin`]), and says when everything was settled.
//!
//! `benches/scale` runs it beside `bookend reconcile`; alone it is good for nothing. It prints one line of JSON.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for measuring: what it does not expect ends it, with a message"
)]
#![allow(dead_code, reason = "stand-in and load are shared with tests/cluster")]

mod figures;

#[path = "../../tests/cluster/load/mod.rs"]
mod load;
#[path = "../../tests/cluster/standin/mod.rs"]
mod standin;

use std::time::{Duration, Instant};

use clap::Parser;
use jiff::Timestamp;
use kube::Client;

use figures::{Process, Usage};
use load::documents::{self, Ask};
use load::requests::Requests;
use standin::{Ending, Settings, StandIn};

/// Load for a reconciler.
#[derive(Debug, Clone, Parser)]
struct Arguments {
    /// How many Promises
    #[arg(long, default_value_t = 1)]
    promises: usize,
    /// How many requests of each
    #[arg(long, default_value_t = 100)]
    requests: usize,
    /// How many pipelines each of them runs
    #[arg(long, default_value_t = 1)]
    pipelines: usize,
    /// What the names of Promises and kinds begin with
    #[arg(long, default_value = "thing")]
    name: String,
    /// Milliseconds between a Job's appearance and its end
    #[arg(long, default_value_t = 1500)]
    delay: u64,
    /// How Jobs end: complete, silent (the status container does not run), failed
    #[arg(long, default_value = "complete")]
    ending: String,
    /// The Promises have dependencies
    #[arg(long)]
    dependencies: bool,
    /// Seconds until it gives up
    #[arg(long, default_value_t = 300)]
    limit: u64,
    /// NAME=PID of a process whose CPU time and memory are to be told
    #[arg(long = "process")]
    processes: Vec<Process>,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let client = Client::try_default().await.expect("KUBECONFIG names a cluster");
    let limit = Duration::from_secs(arguments.limit);
    match tokio::time::timeout(limit, run(&arguments, client)).await {
        Ok(figures) => println!("{figures}"),
        Err(_) => panic!("not settled after {limit:?}"),
    }
}

async fn run(arguments: &Arguments, client: Client) -> serde_json::Value {
    let ask = Ask {
        name: arguments.name.clone(),
        promises: arguments.promises,
        pipelines: arguments.pipelines,
        dependencies: arguments.dependencies,
        namespace: documents::NAMESPACE.into(),
    };
    let delay = Duration::from_millis(arguments.delay);
    let standin =
        StandIn::start(client.clone(), Settings { delay, ending: ending(arguments) }).await;
    let begun = Instant::now();
    documents::install(&client, &ask).await;
    let install = begun.elapsed();
    let requests = Requests::watch(&client, &ask).await;
    let before: Vec<Usage> = arguments.processes.iter().map(Process::usage).collect();
    let (from, begun) = (Timestamp::now(), Instant::now());
    documents::create(&client, &ask, 0..arguments.requests).await;
    let created = begun.elapsed();
    let limit = Duration::from_secs(arguments.limit).saturating_sub(Duration::from_secs(5));
    let is_settled =
        tokio::time::timeout(limit, requests.wait(arguments.promises * arguments.requests))
            .await
            .is_ok();
    let settled = begun.elapsed();
    let until = Timestamp::now();
    let usages =
        arguments.processes.iter().zip(&before).map(|(process, before)| process.since(before));
    figures::Figures { arguments, begun, install, created, settled, from, until, is_settled }.tell(
        &requests.settled(),
        &standin.runs(),
        usages.collect(),
    )
}

fn ending(arguments: &Arguments) -> fn(&standin::Run) -> Ending {
    match &*arguments.ending {
        "complete" => |_| Ending::Complete,
        "silent" => |_| Ending::Silent,
        "failed" => |_| Ending::Failed,
        other => panic!("unknown ending `{other}`"),
    }
}
