//! The cost of watchers: memory for each idle one, the time until all have heard of a change of theirs, and
//! the most that one costs that does not read.
//!
//! One server, the real program in a process of its own, is compared with itself: before and after the
//! watchers have come. Then each watched user deletes one conversation, 16 of them at a time; how long all
//! changes take is the floor of the time until all have heard of theirs. Watchers, load and server share
//! the machine, so the times are upper bounds.
//!
//! ```sh
//! BENCH_POSTGRES_URL=postgres://postgres@127.0.0.1:5432/postgres cargo bench --bench watchers -- 5000
//! ```
//!
//! Arguments: the number of watchers (5000), of streams on a connection (500), of watchers that do not
//! read (20).

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark measures time, prints figures and ends with its tasks"
)]
#![allow(
    clippy::pedantic,
    unreachable_pub,
    missing_docs,
    reason = "a program, no library"
)]

mod support;

use std::{
    fs,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use conversation_service::proto::{
    RestoreConversationsRequest, WatchConversationsRequest, WatchConversationsResponse,
    conversation_service_client::ConversationServiceClient,
    message_service_client::MessageServiceClient,
};
use support::{Outcome, Place, Service, argument, deletion, message, percentile, places};
use tokio::{sync::Semaphore, sync::mpsc, task::JoinSet};
use tonic::{Streaming, transport::Channel};

/// Calls under way at a time.
const AT_A_TIME: usize = 16;

#[tokio::main]
async fn main() -> Outcome<()> {
    let (watchers, per_connection) = (argument(0, 5000), argument(1, 500));
    let silent = argument(2, 20);
    let needed = watchers / per_connection + silent + 100;
    if open_files()? < needed {
        println!(
            "at most {} files can be open, {needed} are needed: ulimit -n {needed}",
            open_files()?
        );
        return Ok(());
    }
    println!(
        "database     watchers   KiB/watcher   all changed s   all told s   change to told: p50 ms   p99 ms   max ms   silent: KiB each"
    );
    for place in places("bench_watchers").await? {
        measure(&place, watchers, per_connection, silent).await?;
    }
    Ok(())
}

async fn measure(
    place: &Place,
    watchers: usize,
    per_connection: usize,
    silent: usize,
) -> Outcome<()> {
    let service = Service::start(&place.url, &[])?;
    let load = service.connect().await?;
    // Each user has one conversation; what the server keeps of that is paid before.
    each(watchers, &load, |load, number| async move {
        let mut messages = MessageServiceClient::new(load);
        messages
            .send_message(message("friend", &user(number)))
            .await?;
        Ok(())
    })
    .await?;
    let before = service.resident()?;
    let mut streams = Vec::with_capacity(watchers);
    let mut channel = load.clone();
    for number in 0..watchers {
        if number % per_connection == 0 {
            channel = service.connect().await?;
        }
        let mut stream = watch(&channel, &user(number), None).await?;
        stream.message().await?.ok_or("no bookmark")?;
        streams.push(stream);
    }
    let after = service.resident()?;

    let (told, mut hears) = mpsc::channel(watchers.max(1));
    let asked: Arc<Vec<OnceLock<Instant>>> =
        Arc::new((0..watchers).map(|_| OnceLock::new()).collect());
    for (number, mut stream) in streams.into_iter().enumerate() {
        let (told, asked) = (told.clone(), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok(Some(event)) = stream.message().await {
                if event.change.is_some() {
                    let since = asked[number].get().map_or(Duration::MAX, Instant::elapsed);
                    let _ = told.send(since).await;
                }
            }
        });
    }
    // A change of each one's own, as fast as they can be made.
    let begun = Instant::now();
    let changing = async {
        each(watchers, &load, |load, number| {
            let asked = Arc::clone(&asked);
            async move {
                let mut conversations = ConversationServiceClient::new(load);
                let request = deletion(&user(number), ["friend".to_owned()]);
                asked[number].get_or_init(Instant::now);
                conversations.delete_conversations(request).await?;
                Ok(())
            }
        })
        .await?;
        Outcome::Ok(begun.elapsed())
    };
    let hearing = async {
        let mut times = Vec::with_capacity(watchers);
        while times.len() < watchers {
            times.push(hears.recv().await.ok_or("the watchers are gone")?);
        }
        Outcome::Ok((times, begun.elapsed()))
    };
    let (changed, times) = tokio::join!(changing, hearing);
    let (changed, (mut times, all_told)) = (changed?, times?);
    let silent = silent_cost(&service, silent).await?;
    println!(
        "{:<12} {watchers:>8} {:>13.1} {:>15.2} {:>12.2} {:>24.1} {:>8.1} {:>8.1} {silent:>18.0}",
        place.name,
        (after - before) as f64 / watchers.max(1) as f64,
        changed.as_secs_f64(),
        all_told.as_secs_f64(),
        percentile(&mut times, 50),
        percentile(&mut times, 99),
        percentile(&mut times, 100),
    );
    Ok(())
}

/// The cost of a watcher that does not read, when a hundred large events of its own wait for it: the rest
/// of the log stays in the database.
async fn silent_cost(service: &Service, silent: usize) -> Outcome<f64> {
    let load = service.connect().await?;
    let friends: Vec<_> = (0..100).map(|number| format!("{number:0>128}")).collect();
    let mut messages = MessageServiceClient::new(load.clone());
    for friend in &friends {
        messages.send_message(message(friend, "silent")).await?;
    }
    let mut conversations = ConversationServiceClient::new(load);
    let from = {
        let mut last = 0;
        for _ in 0..100 {
            let request = deletion("silent", friends.clone());
            let deleted = conversations
                .delete_conversations(request)
                .await?
                .into_inner();
            let request = RestoreConversationsRequest {
                user_id: "silent".to_owned(),
                deletion_id: deleted.deletion_id,
                ..RestoreConversationsRequest::default()
            };
            last = conversations
                .restore_conversations(request)
                .await?
                .into_inner()
                .revision;
        }
        last - 200
    };
    let before = service.resident()?;
    let mut streams = Vec::new();
    for _ in 0..silent {
        // The smallest window that HTTP/2 gives by default, on a connection of its own.
        let endpoint = service.endpoint()?.initial_stream_window_size(65_535);
        let channel = endpoint
            .initial_connection_window_size(65_535)
            .connect()
            .await?;
        streams.push(watch(&channel, "silent", Some(from)).await?);
    }
    // Once another watcher has come through the same events, the silent ones have had the time.
    for _ in 0..3 {
        let channel = service.connect().await?;
        let mut quick = watch(&channel, "silent", Some(from)).await?;
        for _ in 0..=200 {
            quick.message().await?.ok_or("the stream goes on")?;
        }
    }
    let cost = (service.resident()? - before) as f64 / silent.max(1) as f64;
    drop(streams);
    Ok(cost)
}

async fn watch(
    channel: &Channel,
    user: &str,
    after: Option<u64>,
) -> Outcome<Streaming<WatchConversationsResponse>> {
    let request = WatchConversationsRequest {
        user_id: user.to_owned(),
        client_id: String::new(),
        after_revision: after,
    };
    let mut client = ConversationServiceClient::new(channel.clone());
    Ok(client.watch_conversations(request).await?.into_inner())
}

/// Calls once for each number, some at a time.
async fn each<F>(count: usize, channel: &Channel, call: impl Fn(Channel, usize) -> F) -> Outcome<()>
where
    F: Future<Output = Outcome<()>> + Send + 'static,
{
    let gate = Arc::new(Semaphore::new(AT_A_TIME));
    let mut calls = JoinSet::new();
    for number in 0..count {
        let turn = Arc::clone(&gate).acquire_owned().await?;
        let call = call(channel.clone(), number);
        calls.spawn(async move {
            let _turn = turn;
            tokio::time::timeout(Duration::from_secs(60), call).await?
        });
    }
    while let Some(done) = calls.join_next().await {
        done??;
    }
    Ok(())
}

fn user(number: usize) -> String {
    format!("user {number}")
}

/// How many files this process may have open.
fn open_files() -> Outcome<usize> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    Ok(soft
        .and_then(|soft| soft.parse().ok())
        .unwrap_or(usize::MAX))
}
