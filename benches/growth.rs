//! The cost of a call for a user who has, or once had, many conversations, against one who never had: whether
//! anything grows with the length of a list, or with what was deleted.
//!
//! One server, the real program in a process of its own, is compared with itself. Two users have many and few
//! conversations, all listed. Two others have ten listed, and one of them has deleted many, which `purge` has
//! looked at. All four take turns, call by call, on conversations by chance; the times are medians, and the ratios
//! are those of the medians of each run, with min, median and max.
//!
//! ```sh
//! BENCH_POSTGRES_URL=postgres://postgres@127.0.0.1:5432/postgres cargo bench --bench growth -- 20000
//! ```
//!
//! Arguments: the many (20000) and the few conversations (200), the runs (5), and the rounds of calls in a run
//! (100).

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
    process::Command,
    time::{Duration, Instant},
};

use conversation_service::proto::{
    AddToFolderRequest, ClearHistoryRequest, CreateFolderRequest, GetUnreadCountRequest,
    ListConversationsRequest, ListFoldersRequest, MarkConversationsReadRequest,
    MarkConversationsRequest, MuteConversationsRequest, PinConversationsRequest,
    RestoreConversationsRequest, conversation_service_client::ConversationServiceClient,
    message_service_client::MessageServiceClient,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use support::{
    Outcome, Place, Service, argument, c2c, deletion, friend, message, percentile, places,
};
use tonic::{Response, Status, transport::Channel};

/// The conversations that stay listed beside those that are deleted.
const LEFT: usize = 10;
const FOLDER: &str = "folder";

/// The calls that are measured, in this order. The two that read the whole list come last: what comes after them finds
/// the processor's caches cold.
const CALLS: [&str; 12] = [
    "list", "folders", "read", "mute", "mark", "pin", "unpin", "clear", "delete", "restore",
    "unread", "read all",
];

/// A user of whom so many conversations are listed.
struct Person {
    name: &'static str,
    listed: usize,
}

/// The times of one user's calls, one list for each of [`CALLS`].
#[derive(Default)]
struct Times([Vec<Duration>; CALLS.len()]);

/// Takes the time of one call after the other.
struct Laps<'a> {
    times: &'a mut Times,
    index: usize,
}

impl Laps<'_> {
    async fn time<T>(
        &mut self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Outcome<T> {
        let since = Instant::now();
        let answer = call.await?;
        self.times.0[self.index].push(since.elapsed());
        self.index += 1;
        Ok(answer.into_inner())
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let (many, few) = (argument(0, 20_000), argument(1, 200));
    let (runs, rounds) = (argument(2, 5), argument(3, 100));
    for place in places("bench_growth").await? {
        measure(&place, many, few, (runs, rounds)).await?;
    }
    Ok(())
}

async fn measure(
    place: &Place,
    many: usize,
    few: usize,
    (runs, rounds): (usize, usize),
) -> Outcome<()> {
    let service = Service::start(&place.url, &["--purge-interval", "24h"])?;
    let load = service.connect().await?;
    let people = [
        ("few", few, few),
        ("many", many, many),
        ("ten", LEFT, LEFT),
        ("ten left", LEFT + many, LEFT),
    ];
    for (name, made, listed) in people {
        befriend(&load, name, made, listed).await?;
    }
    let purge = Command::new(env!("CARGO_BIN_EXE_conversation-service"))
        .args(["purge", "--database-url", &place.url])
        .env("RUST_LOG", "error")
        .output()?;
    assert!(purge.status.success(), "{purge:?}");
    if place.name == "PostgreSQL" {
        use sea_orm::ConnectionTrait as _;
        let connection = place.connection().await?;
        connection.execute_unprepared("VACUUM ANALYZE").await?;
    }
    let people = people.map(|(name, _, listed)| Person { name, listed });
    let mut random = StdRng::seed_from_u64(1);
    let mut medians: [Vec<[f64; CALLS.len()]>; 4] = Default::default();
    for _ in 0..runs {
        let mut times: [Times; 4] = Default::default();
        for _ in 0..rounds {
            for (person, times) in people.iter().zip(&mut times) {
                live(&load, person, &mut random, times).await?;
            }
        }
        for (times, medians) in times.into_iter().zip(&mut medians) {
            medians.push(times.0.map(|mut times| percentile(&mut times, 50)));
        }
    }
    println!(
        "{}: medians in ms of {runs} runs, one caller\n{:<9}{:>7}{:>7}{:>22}{:>8}{:>10}{:>22}",
        place.name, "", few, many, "ratio", "10", "10 left", "ratio"
    );
    let [few, many, ten, ten_left] = &medians;
    for (index, call) in CALLS.iter().enumerate() {
        let median = |runs: &[[f64; CALLS.len()]]| {
            let mut column: Vec<_> = runs.iter().map(|run| run[index]).collect();
            column.sort_unstable_by(f64::total_cmp);
            column[column.len() / 2]
        };
        let ratio = |one: &[[f64; CALLS.len()]], other: &[[f64; CALLS.len()]]| {
            let ratios = one.iter().zip(other);
            let mut ratios: Vec<_> = ratios
                .map(|(one, other)| other[index] / one[index])
                .collect();
            ratios.sort_unstable_by(f64::total_cmp);
            let (least, greatest) = (ratios[0], ratios[ratios.len() - 1]);
            format!("{:.2} ({least:.2}-{greatest:.2})", ratios[ratios.len() / 2])
        };
        println!(
            "{call:<9}{:>7.2}{:>7.2}{:>22}{:>8.2}{:>10.2}{:>22}",
            median(few),
            median(many),
            ratio(few, many),
            median(ten),
            median(ten_left),
            ratio(ten, ten_left),
        );
    }
    Ok(())
}

/// Makes the conversations of a user, and deletes all but those that stay listed, which are made last. The first
/// of them are in a folder. All of them are read.
async fn befriend(load: &Channel, user: &'static str, made: usize, listed: usize) -> Outcome<()> {
    support::befriend(load, user, made).await?;
    let mut conversations = ConversationServiceClient::new(load.clone());
    let user_id = user.to_owned();
    conversations
        .create_folder(CreateFolderRequest {
            user_id: user_id.clone(),
            name: FOLDER.to_owned(),
            ..CreateFolderRequest::default()
        })
        .await?;
    conversations
        .add_to_folder(AddToFolderRequest {
            user_id,
            name: FOLDER.to_owned(),
            conversation_ids: (0..LEFT).map(|number| c2c(&friend(number))).collect(),
            ..AddToFolderRequest::default()
        })
        .await?;
    let all = MarkConversationsReadRequest {
        user_id: user.to_owned(),
        all: true,
        ..MarkConversationsReadRequest::default()
    };
    while conversations
        .mark_conversations_read(all.clone())
        .await?
        .into_inner()
        .more
    {}
    let deleted: Vec<_> = (listed..made).collect();
    for numbers in deleted.chunks(100) {
        let deletion = deletion(user, numbers.iter().map(|number| friend(*number)));
        conversations.delete_conversations(deletion).await?;
    }
    Ok(())
}

/// A message arrives, and each call is made once for its conversation; another message arrives, and everything is
/// read.
async fn live(
    load: &Channel,
    person: &Person,
    random: &mut StdRng,
    times: &mut Times,
) -> Outcome<()> {
    let mut messages = MessageServiceClient::new(load.clone());
    let mut conversations = ConversationServiceClient::new(load.clone());
    let user_id = || person.name.to_owned();
    let with = friend(random.random_range(0..person.listed));
    let conversation_ids = || vec![c2c(&with)];
    let mut laps = Laps { times, index: 0 };
    messages.send_message(message(&with, person.name)).await?;

    laps.time(conversations.list_conversations(ListConversationsRequest {
        user_id: user_id(),
        ..ListConversationsRequest::default()
    }))
    .await?;
    laps.time(conversations.list_folders(ListFoldersRequest { user_id: user_id() }))
        .await?;
    laps.time(
        conversations.mark_conversations_read(MarkConversationsReadRequest {
            user_id: user_id(),
            conversation_ids: conversation_ids(),
            ..MarkConversationsReadRequest::default()
        }),
    )
    .await?;
    let muted = random.random();
    laps.time(conversations.mute_conversations(MuteConversationsRequest {
        user_id: user_id(),
        conversation_ids: conversation_ids(),
        muted,
        ..MuteConversationsRequest::default()
    }))
    .await?;
    let add_marks = 1 << random.random_range(32..64);
    laps.time(conversations.mark_conversations(MarkConversationsRequest {
        user_id: user_id(),
        conversation_ids: conversation_ids(),
        add_marks,
        ..MarkConversationsRequest::default()
    }))
    .await?;
    for pinned in [true, false] {
        laps.time(conversations.pin_conversations(PinConversationsRequest {
            user_id: user_id(),
            conversation_ids: conversation_ids(),
            pinned,
            ..PinConversationsRequest::default()
        }))
        .await?;
    }
    laps.time(conversations.clear_history(ClearHistoryRequest {
        user_id: user_id(),
        conversation_ids: conversation_ids(),
        ..ClearHistoryRequest::default()
    }))
    .await?;
    let deleted = laps
        .time(conversations.delete_conversations(deletion(person.name, [with.clone()])))
        .await?;
    laps.time(
        conversations.restore_conversations(RestoreConversationsRequest {
            user_id: user_id(),
            deletion_id: deleted.deletion_id,
            ..RestoreConversationsRequest::default()
        }),
    )
    .await?;
    messages.send_message(message(&with, person.name)).await?;
    laps.time(conversations.get_unread_count(GetUnreadCountRequest {
        user_id: user_id(),
        filter: None,
    }))
    .await?;
    laps.time(
        conversations.mark_conversations_read(MarkConversationsReadRequest {
            user_id: user_id(),
            all: true,
            ..MarkConversationsReadRequest::default()
        }),
    )
    .await?;
    Ok(())
}
