//! The cost of a long list: its first page, the total of unread messages, and filtered first pages, for a
//! user with many conversations against one with few, in one run.
//!
//! One server, the real program in a process of its own, is compared with itself. One in ten conversations
//! is a group of few members, one in a hundred a large group; everything is unread, the worst case for the
//! total. Before each look a message arrives in a random conversation: that keeps the list in order, so its
//! cost belongs to the comparison. The two users take turns, and the times are medians; the ratios are
//! those of the medians of each run, with min and max.
//!
//! ```sh
//! BENCH_POSTGRES_URL=postgres://postgres@127.0.0.1:5432/postgres cargo bench --bench lists -- 10000
//! ```
//!
//! Arguments: the conversations of the one user (10000) and of the other (200), the runs (5), and the
//! looks of each user in a run (100).

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
    sync::Arc,
    time::{Duration, Instant},
};

use conversation_service::proto::{
    AddGroupMembersRequest, ConversationId, GetUnreadCountRequest, ListConversationsRequest,
    ListFilter, MarkConversationsRequest, SendMessageRequest, conversation_id::Id,
    conversation_service_client::ConversationServiceClient,
    group_service_client::GroupServiceClient, message_service_client::MessageServiceClient,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use support::{Outcome, Place, Service, argument, c2c, message, percentile, places};
use tokio::{sync::Semaphore, task::JoinSet};
use tonic::transport::Channel;

/// Calls under way at a time while the lists are made.
const AT_A_TIME: usize = 16;
/// Members of a large group, more than get a copy of its head.
const MANY: usize = 12;
/// The mark that every fiftieth conversation carries.
const STAR: u64 = 1;

/// The looks that are measured, in this order.
const LOOKS: [&str; 5] = [
    "message",
    "first page",
    "unread",
    "unread page",
    "starred page",
];

/// The times of one user's looks, one list for each of [`LOOKS`].
#[derive(Default)]
struct Times([Vec<Duration>; LOOKS.len()]);

#[tokio::main]
async fn main() -> Outcome<()> {
    let (many, few) = (argument(0, 10_000), argument(1, 200));
    let (runs, looks) = (argument(2, 5), argument(3, 100));
    for place in places("bench_lists").await? {
        measure(&place, [few, many], runs, looks).await?;
    }
    Ok(())
}

async fn measure(place: &Place, sizes: [usize; 2], runs: usize, looks: usize) -> Outcome<()> {
    let service = Service::start(&place.url, &[])?;
    let load = service.connect().await?;
    for size in sizes {
        befriend(&load, size).await?;
    }
    if place.name == "PostgreSQL" {
        use sea_orm::ConnectionTrait as _;
        place
            .connection()
            .await?
            .execute_unprepared("VACUUM ANALYZE")
            .await?;
    }
    println!(
        "{}: medians in ms, least to greatest of {runs} runs",
        place.name
    );
    println!(
        "conversations{}",
        LOOKS.map(|name| format!("{name:>22}")).concat()
    );
    let mut random = StdRng::seed_from_u64(1);
    let mut medians = [vec![], vec![]];
    for _ in 0..runs {
        let mut times = [Times::default(), Times::default()];
        for _ in 0..looks {
            for (size, times) in sizes.into_iter().zip(&mut times) {
                look(&load, size, &mut random, times).await?;
            }
        }
        for (times, medians) in times.into_iter().zip(&mut medians) {
            medians.push(times.0.map(|mut times| percentile(&mut times, 50)));
        }
    }
    for (size, medians) in sizes.iter().zip(&medians) {
        let columns = (0..LOOKS.len()).map(|column| {
            let (least, greatest) = spread(medians.iter().map(|run| run[column]));
            format!("{:>22}", format!("{least:.2} to {greatest:.2}"))
        });
        println!("{size:>13}{}", columns.collect::<String>());
    }
    let ratio = |name: &str, columns: &[usize]| {
        let sum = |run: &[f64; LOOKS.len()]| columns.iter().map(|column| run[*column]).sum::<f64>();
        let ratios = medians[0].iter().zip(&medians[1]);
        let (least, greatest) = spread(ratios.map(|(few, many)| sum(many) / sum(few)));
        println!("{name}: {least:.2} to {greatest:.2} times as much");
    };
    ratio("message, first page and unread", &[0, 1, 2]);
    ratio("first page and unread", &[1, 2]);
    ratio("filtered pages", &[3, 4]);
    Ok(())
}

fn spread(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    numbers.fold((f64::INFINITY, 0.0), |(least, greatest), number| {
        (least.min(number), f64::max(greatest, number))
    })
}

fn reader(size: usize) -> String {
    format!("reader of {size}")
}

/// The message that makes, or renews, one of the conversations of the user that has so many.
fn to_reader(size: usize, number: usize) -> SendMessageRequest {
    let sender = format!("friend {number}");
    SendMessageRequest {
        conversation_id: Some(conversation(size, number, &reader(size))),
        ..message(&sender, &reader(size))
    }
}

/// A conversation, as its other side calls it.
fn conversation(size: usize, number: usize, other: &str) -> ConversationId {
    if number.is_multiple_of(10) {
        ConversationId {
            id: Some(Id::GroupId(format!("group {number} of {size}"))),
        }
    } else {
        c2c(other)
    }
}

/// Makes the conversations of a user.
async fn befriend(load: &Channel, size: usize) -> Outcome<()> {
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    let mut making = JoinSet::new();
    for number in 0..size {
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let load = load.clone();
        making.spawn(async move {
            let _permit = permit;
            if let Some(Id::GroupId(group_id)) = conversation(size, number, "").id {
                let many = if number.is_multiple_of(100) { MANY } else { 1 };
                let others = (0..many).map(|other| format!("friend {}", number + other));
                let request = AddGroupMembersRequest {
                    group_id,
                    user_ids: others.chain([reader(size)]).collect(),
                    request_id: String::new(),
                };
                GroupServiceClient::new(load.clone())
                    .add_group_members(request)
                    .await?;
            }
            MessageServiceClient::new(load)
                .send_message(to_reader(size, number))
                .await?;
            Outcome::Ok(())
        });
    }
    while let Some(made) = making.join_next().await {
        made??;
    }
    let starred: Vec<_> = (0..size)
        .step_by(50)
        .map(|number| conversation(size, number, &format!("friend {number}")))
        .collect();
    for conversation_ids in starred.chunks(100) {
        let request = MarkConversationsRequest {
            user_id: reader(size),
            conversation_ids: conversation_ids.to_vec(),
            add_marks: STAR,
            ..MarkConversationsRequest::default()
        };
        ConversationServiceClient::new(load.clone())
            .mark_conversations(request)
            .await?;
    }
    Ok(())
}

/// A message arrives, and its reader looks.
async fn look(load: &Channel, size: usize, random: &mut StdRng, times: &mut Times) -> Outcome<()> {
    let mut messages = MessageServiceClient::new(load.clone());
    let mut conversations = ConversationServiceClient::new(load.clone());
    let arriving = to_reader(size, random.random_range(0..size));
    let page = |filter| ListConversationsRequest {
        user_id: reader(size),
        filter,
        ..ListConversationsRequest::default()
    };
    let unread = GetUnreadCountRequest {
        user_id: reader(size),
        filter: None,
    };
    let unread_only = ListFilter {
        unread_only: true,
        ..ListFilter::default()
    };
    let starred = ListFilter {
        mark: STAR,
        ..ListFilter::default()
    };

    let mut since = Instant::now();
    let mut lap = |index: usize| {
        times.0[index].push(since.elapsed());
        since = Instant::now();
    };
    messages.send_message(arriving).await?;
    lap(0);
    conversations.list_conversations(page(None)).await?;
    lap(1);
    conversations.get_unread_count(unread).await?;
    lap(2);
    conversations
        .list_conversations(page(Some(unread_only)))
        .await?;
    lap(3);
    conversations
        .list_conversations(page(Some(starred)))
        .await?;
    lap(4);
    Ok(())
}
