//! The cost of watchers: memory for each idle one, the time until all have heard of a change of theirs, and
//! the most that one costs that does not read. Each user is watched over a stream of its own first, and then all
//! of them over one `WatchUsers` stream.
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
//! read (20), and which of the two: `alone`, `together` or `both` (both).

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
    env, fs,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use conversation_service::proto::{
    AddWatchedUser, RestoreConversationsRequest, WatchConversationsRequest,
    WatchConversationsResponse, WatchUsersRequest, WatchUsersResponse, WatchedUserEvent,
    conversation_service_client::ConversationServiceClient,
    message_service_client::MessageServiceClient, watch_users_request::Step,
    watch_users_response::Entry,
};
use support::{Outcome, Place, Service, argument, deletion, message, percentile, places};
use tokio::{sync::Semaphore, sync::mpsc, task::JoinSet};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Streaming, transport::Channel};

/// Calls under way at a time.
const AT_A_TIME: usize = 16;

/// How users are watched.
#[derive(Clone, Copy)]
enum Form {
    /// Each over a stream of its own.
    Alone,
    /// All over one stream.
    Together,
}

/// Users that are watched.
enum Watching {
    Alone(Vec<Streaming<WatchConversationsResponse>>),
    /// The stream lasts as long as its sending side is open.
    Together(
        mpsc::UnboundedSender<WatchUsersRequest>,
        Box<Streaming<WatchUsersResponse>>,
    ),
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let (watchers, per_connection) = (argument(0, 5000), argument(1, 500));
    let silent = argument(2, 20);
    let forms: &[Form] = if env::args().any(|argument| argument == "alone") {
        &[Form::Alone]
    } else if env::args().any(|argument| argument == "together") {
        &[Form::Together]
    } else {
        &[Form::Alone, Form::Together]
    };
    let needed = watchers / per_connection + silent + 100;
    if open_files()? < needed {
        println!(
            "at most {} files can be open, {needed} are needed: ulimit -n {needed}",
            open_files()?
        );
        return Ok(());
    }
    println!(
        "database   form       watchers   begun s   KiB/watcher   all changed s   all told s   change to told: p50 ms   p99 ms   max ms   silent: KiB each"
    );
    for place in places("bench_watchers").await? {
        for form in forms {
            measure(&place, *form, watchers, per_connection, silent).await?;
        }
    }
    Ok(())
}

async fn measure(
    place: &Place,
    form: Form,
    watchers: usize,
    per_connection: usize,
    silent: usize,
) -> Outcome<()> {
    // Beside them come those that do not read, and one that does.
    let limit = (watchers + silent + 1).to_string();
    let limits = ["--max-watchers", &limit, "--max-watched-users", &limit];
    let service = Service::start(&place.url, &limits)?;
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
    let begun = Instant::now();
    let watching = match form {
        Form::Alone => watch_alone(&service, watchers, per_connection).await?,
        Form::Together => watch_together(&service, watchers).await?,
    };
    let begun = begun.elapsed();
    let after = service.resident()?;

    let (told, mut hears) = mpsc::channel(watchers.max(1));
    let asked: Arc<Vec<OnceLock<Instant>>> =
        Arc::new((0..watchers).map(|_| OnceLock::new()).collect());
    listen(watching, &told, &asked);
    // A change of each one's own, as fast as they can be made.
    let changes = Instant::now();
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
        Outcome::Ok(changes.elapsed())
    };
    let hearing = async {
        let mut times = Vec::with_capacity(watchers);
        while times.len() < watchers {
            times.push(hears.recv().await.ok_or("the watchers are gone")?);
        }
        Outcome::Ok((times, changes.elapsed()))
    };
    let (changed, times) = tokio::join!(changing, hearing);
    let (changed, (mut times, all_told)) = (changed?, times?);
    let silent = silent_cost(&service, silent).await?;
    println!(
        "{:<10} {:<8} {watchers:>10} {:>9.2} {:>13.2} {:>15.2} {:>12.2} {:>24.1} {:>8.1} {:>8.1} {silent:>18.0}",
        place.name,
        match form {
            Form::Alone => "alone",
            Form::Together => "together",
        },
        begun.as_secs_f64(),
        (after - before) as f64 / watchers.max(1) as f64,
        changed.as_secs_f64(),
        all_told.as_secs_f64(),
        percentile(&mut times, 50),
        percentile(&mut times, 99),
        percentile(&mut times, 100),
    );
    Ok(())
}

/// Watches each user over a stream of its own.
async fn watch_alone(
    service: &Service,
    watchers: usize,
    per_connection: usize,
) -> Outcome<Watching> {
    let mut streams = Vec::with_capacity(watchers);
    let mut channel = service.connect().await?;
    for number in 0..watchers {
        if number % per_connection == 0 {
            channel = service.connect().await?;
        }
        let mut stream = watch(&channel, &user(number), None).await?;
        stream.message().await?.ok_or("no bookmark")?;
        streams.push(stream);
    }
    Ok(Watching::Alone(streams))
}

/// Watches all users over one stream, and waits until each has been answered.
async fn watch_together(service: &Service, watchers: usize) -> Outcome<Watching> {
    let mut client = ConversationServiceClient::new(service.connect().await?);
    let (steps, messages) = mpsc::unbounded_channel();
    let stream = client.watch_users(UnboundedReceiverStream::new(messages));
    let mut stream = stream.await?.into_inner();
    for number in 0..watchers {
        steps.send(WatchUsersRequest {
            client_id: String::new(),
            step: Some(Step::Add(AddWatchedUser {
                user_id: user(number),
                after_revision: None,
            })),
        })?;
    }
    for _ in 0..watchers {
        let answer = stream.message().await?.ok_or("no bookmark")?;
        if let Some(Entry::Ended(ended)) = answer.entry {
            return Err(format!("{ended:?}").into());
        }
    }
    Ok(Watching::Together(steps, Box::new(stream)))
}

/// Tells of each change how long after it was asked for it was heard of.
fn listen(watching: Watching, told: &mpsc::Sender<Duration>, asked: &Arc<Vec<OnceLock<Instant>>>) {
    let since = |asked: &[OnceLock<Instant>], number: usize| {
        asked[number].get().map_or(Duration::MAX, Instant::elapsed)
    };
    match watching {
        Watching::Alone(streams) => {
            for (number, mut stream) in streams.into_iter().enumerate() {
                let (told, asked) = (told.clone(), Arc::clone(asked));
                tokio::spawn(async move {
                    while let Ok(Some(event)) = stream.message().await {
                        if event.change.is_some() {
                            let _ = told.send(since(&asked, number)).await;
                        }
                    }
                });
            }
        }
        Watching::Together(steps, mut stream) => {
            let (told, asked) = (told.clone(), Arc::clone(asked));
            tokio::spawn(async move {
                let _open = steps;
                while let Ok(Some(message)) = stream.message().await {
                    if let Some(Entry::Event(WatchedUserEvent {
                        user_id,
                        change: Some(_),
                        ..
                    })) = message.entry
                    {
                        let number = user_id.rsplit(' ').next().map(str::parse);
                        let Some(Ok(number)) = number else { return };
                        let _ = told.send(since(&asked, number)).await;
                    }
                }
            });
        }
    }
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
        let permit = Arc::clone(&gate).acquire_owned().await?;
        let call = call(channel.clone(), number);
        calls.spawn(async move {
            let _permit = permit;
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
