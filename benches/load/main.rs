//! The load driver: what the service does under load, beside the floors that the same machine has at
//! the same time.
//!
//! Compared are, in turns and with the same calls:
//!
//! - *service*: the real program, a process of its own, on a database that was seeded in bulk just as the
//!   service would have written it (and is read back through the API before anything is measured);
//! - *no-op RPC*: a process that decodes the same request and answers in the same shape, and has no
//!   database: what the transport costs;
//! - *direct SQL*: the statements that the service itself runs for a deletion, caught in the act, by the
//!   bare driver with as many connections and the same durability: what the database costs;
//! - *bare server*: a process that runs direct SQL for each request, checks nothing and answers in the same
//!   shape: what transport and database cost together, where each request is run by itself;
//! - *naive loop*: a select, an update and a deletion of the message rows for each conversation;
//! - *baseline*: another build of the service, if `--baseline` names one.
//!
//! Client, service and database share the machine, so figures of different runs say little: the ratios
//! of one run do, and each is given with its spread. The client sends requests that are encoded already
//! and does not decode what comes back, so that it takes little of the machine.
//!
//! A deletion is meaningful only if what it deletes is listed. So each conversation is deleted once; when
//! all have been, and after each comparison, they are made listed again by SQL, outside of what is
//! measured. Before that it is checked that exactly those are deleted that were asked for.
//!
//! ```sh
//! export BENCH_POSTGRES_URL=postgres://postgres@127.0.0.1:5432/postgres  # a superuser's; SQLite only without
//! cargo bench --bench load -- all                     # every figure: most of an hour
//! cargo bench --bench load -- all --quick             # the same on a tenth of the data, in minutes
//! cargo bench --bench load -- headline --load 100x16  # one load, as to profile the service under it
//! cargo bench --bench load -- mix --rate 500 --mix delete100=1,list=5,send=10
//! ```
//!
//! | name | shows |
//! |---|---|
//! | `headline` | PostgreSQL: 100 IDs with 16 calls in flight, 1 ID with 16 and 64, against the floors; CPU |
//! | `sqlite` | SQLite, `synchronous = FULL`: 1 ID and 100 IDs with 16 calls in flight |
//! | `idle` | one caller: the latency against the floors, and 100 IDs against 1 |
//! | `history` | 100 conversations with a million messages against 100 with one each |
//! | `naive` | the naive loop: 100 conversations x 1,000 messages, 10 x 100,000 |
//! | `wal` | PostgreSQL: what a deletion adds to the log |
//! | `process` | the time to start, and resident memory idle and after load |
//! | `groups` | messages to a group of 10 and of 10,000 |
//! | `messages` | messages from 1, 16 and 64 callers against the best SQL by hand; 64 callers to one group of 8 and of 10,000 |
//! | `calls` | each frequent call by itself, a page of a list against the best SQL by hand, a pin against a reading; CPU |
//! | `replicas` | two replicas on one PostgreSQL against one |
//! | `curves` | the picture: throughput and latency over concurrency, cost over the length of histories |
//! | `mix` | any mix of calls by a number of callers, or at a rate; no part of `all` |
//!
//! | flag | default | is |
//! |---|---|---|
//! | `--users` | 10000 | users of the data set |
//! | `--conversations` | 200 | of each user |
//! | `--spread` | | for `calls`: that is the median, the longest list is 1,000 times the shortest, and few users make most calls (Zipf) |
//! | `--messages` | 1 | in each conversation |
//! | `--runs` | 5 | interleaved runs of what is compared |
//! | `--seconds` | 3 | of the service in each run, about; the others make as many calls |
//! | `--scale` | 1 | divides histories, groups and repetitions |
//! | `--quick` | | 1,000 users, half a second, a scale of 10 |
//! | `--load` | | IDs and calls in flight of `headline` and `sqlite`, in place of their own: `1x64`, `100x16` |
//! | `--mix` | some of each | calls of the mix, with their shares |
//! | `--in-flight` | 16 | callers of the mix and of `calls` |
//! | `--rate` | 0 | calls of the mix per second, answered or not; 0: each caller waits for its answer |
//! | `--database` | both | `postgresql` or `sqlite` |
//! | `--baseline` | | another build of the program |
//! | `--svg` | target/load.svg | the picture's file, relative to the crate |
//!
//! At the end there is a table in Markdown: least, median and greatest of the runs, and what the median
//! has to be.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark measures time, prints figures and ends with its tasks"
)]
#![expect(
    unreachable_pub,
    reason = "a program: what is public in a module is so for the others"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures are approximate, and everything counted is far below 2^52"
)]

mod arguments;
mod bare_pages;
mod captured;
mod database;
mod direct;
mod direct_messages;
mod direct_pages;
mod direct_postgres;
mod direct_sqlite;
mod drive;
mod floor;
mod people;
mod picture;
mod process;
mod report;
mod sample;
mod scenarios;
mod seed;
mod stage;
mod subject;
#[path = "../support/mod.rs"]
mod support;
mod verify;
mod wire;

use std::{fs, path::Path};

use arguments::Arguments;
use picture::{Panel, Picture, spelled};
use report::Report;
use scenarios::{calls, curves, deletions, groups, history, messages, mix, processes, replicas};
use stage::Stage;
use support::{Outcome, places};

/// The database on which these make sense only.
const POSTGRES_ONLY: [&str; 3] = ["headline", "wal", "replicas"];
const SQLITE_ONLY: [&str; 1] = ["sqlite"];

#[tokio::main]
async fn main() -> Outcome<()> {
    floor::serve_if_asked().await?;
    let arguments = Arguments::read()?;
    let mut report = Report::default();
    report::begin(&arguments)?;
    for place in places("bench_load").await? {
        let is_postgres = place.name == "PostgreSQL";
        let elsewhere: &[&str] = if is_postgres {
            &SQLITE_ONLY
        } else {
            &POSTGRES_ONLY
        };
        let wanted = arguments.scenarios.iter();
        let mut wanted: Vec<_> = wanted
            .filter(|name| !elsewhere.contains(&name.as_str()))
            .collect();
        wanted.dedup();
        if wanted.is_empty() || !place.name.to_lowercase().contains(&arguments.database) {
            continue;
        }
        let mut stage = Stage::set(place, &arguments, &mut report).await?;
        for name in wanted {
            run(name, &mut stage).await?;
        }
        stage.database.control.close().await?;
    }
    report.end();
    if !report.pictured.is_empty() {
        draw(report.pictured, &arguments)?;
    }
    Ok(())
}

/// Writes the picture of what the curves have measured.
fn draw(columns: Vec<Vec<Panel>>, arguments: &Arguments) -> Outcome<()> {
    let title = "Deleting conversations: the service and its floors".to_owned();
    let subtitle = [
        format!(
            "{} users x {} conversations. Medians of {} runs, bars from least to greatest; all axes are logarithmic.",
            spelled(arguments.users as f64),
            arguments.conversations,
            arguments.runs
        ),
        format!(
            "Direct SQL: the service's statements without the service. No-op RPC: the transport alone. All share {} cores.",
            process::cores()
        ),
    ];
    let file = Path::new(&arguments.svg);
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    let picture = Picture {
        title,
        subtitle,
        columns,
    };
    fs::write(file, picture.draw())?;
    println!("\nPicture: {}", file.display());
    Ok(())
}

async fn run(scenario: &str, stage: &mut Stage<'_>) -> Outcome<()> {
    match scenario {
        "headline" => deletions::headline(stage).await,
        "sqlite" => deletions::sqlite(stage).await,
        "idle" => deletions::idle(stage).await,
        "history" => history::history(stage).await,
        "naive" => history::naive(stage).await,
        "wal" => deletions::log(stage).await,
        "process" => processes::processes(stage).await,
        "groups" => groups::groups(stage).await,
        "messages" => messages::messages(stage).await,
        "calls" => calls::calls(stage).await,
        "replicas" => replicas::replicas(stage).await,
        "curves" => curves::curves(stage).await,
        "mix" => mix::mix(stage).await,
        _ => Err(format!("there is no scenario {scenario}").into()),
    }
}
