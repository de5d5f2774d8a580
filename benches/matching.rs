//! The cost of deleting what a selector matches, against deleting the same conversations by their IDs.
//!
//! One server, the real program in a process of its own. A user has many conversations. In turns, the 1,000 of them
//! that have been inactive for the longest are deleted by one `DeleteMatchingConversations`, and by ten
//! `DeleteConversations` of 100 IDs, one after the other; each time they are restored afterwards. The times are
//! medians, and the ratios are those of the medians of each run, with min, median and max.
//!
//! ```sh
//! BENCH_POSTGRES_URL=postgres://postgres@127.0.0.1:5432/postgres cargo bench --bench matching -- 20000
//! ```
//!
//! Arguments: the conversations (20000), the runs (5), and the rounds of a run (5).

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

use std::time::{Duration, Instant};

use conversation_service::proto::{
    DeleteMatchingConversationsRequest, DeletionOutcome, DeletionResult,
    RestoreConversationsRequest, Selector, conversation_service_client::ConversationServiceClient,
};
use support::{Outcome, Place, Service, argument, befriend, deletion, friend, percentile, places};
use tonic::transport::Channel;

/// As many as one request deletes at most.
const DELETED: usize = 1_000;
const IDS_OF_A_REQUEST: usize = 100;
const USER: &str = "collector";

#[tokio::main]
async fn main() -> Outcome<()> {
    let conversations = argument(0, 20_000).max(DELETED);
    let (runs, rounds) = (argument(1, 5), argument(2, 5));
    for place in places("bench_matching").await? {
        measure(&place, conversations, (runs, rounds)).await?;
    }
    Ok(())
}

async fn measure(
    place: &Place,
    conversations: usize,
    (runs, rounds): (usize, usize),
) -> Outcome<()> {
    let service = Service::start(&place.url, &[])?;
    let load = service.connect().await?;
    befriend(&load, USER, conversations).await?;
    if place.name == "PostgreSQL" {
        use sea_orm::ConnectionTrait as _;
        let connection = place.connection().await?;
        connection.execute_unprepared("VACUUM ANALYZE").await?;
    }
    // The friends wrote in turn, the last of them first.
    let oldest: Vec<_> = (conversations - DELETED..conversations)
        .map(friend)
        .collect();
    let mut client = ConversationServiceClient::new(load);
    let (mut ratios, mut medians) = (Vec::new(), [Vec::new(), Vec::new()]);
    for _ in 0..runs {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            times[0].push(by_selector(&mut client).await?);
            times[1].push(by_ids(&mut client, &oldest).await?);
        }
        let [by_selector, by_ids] = times.map(|mut times| percentile(&mut times, 50));
        ratios.push(by_selector / by_ids);
        medians[0].push(by_selector);
        medians[1].push(by_ids);
    }
    println!(
        "{}: {DELETED} of {conversations} conversations, medians of {runs} runs",
        place.name
    );
    for (name, mut figures, unit) in [
        ("one by selector", medians[0].clone(), "ms"),
        ("ten by 100 IDs", medians[1].clone(), "ms"),
        ("one by selector / ten by 100 IDs", ratios, ""),
    ] {
        figures.sort_unstable_by(f64::total_cmp);
        let (least, greatest) = (figures[0], figures[figures.len() - 1]);
        let median = figures[figures.len() / 2];
        println!("{name:<34}{median:>8.2} ({least:.2}-{greatest:.2}) {unit}");
    }
    Ok(())
}

/// Deletes by one request, and restores.
async fn by_selector(client: &mut ConversationServiceClient<Channel>) -> Outcome<Duration> {
    let request = DeleteMatchingConversationsRequest {
        user_id: USER.to_owned(),
        selector: Some(Selector {
            all: true,
            include_unread: true,
            ..Selector::default()
        }),
        clear_history: Some(false),
        limit: u32::try_from(DELETED)?,
        sync_to_other_clients: Some(true),
        ..DeleteMatchingConversationsRequest::default()
    };
    let since = Instant::now();
    let answer = client.delete_matching_conversations(request).await?;
    let time = since.elapsed();
    let answer = answer.into_inner();
    check(&answer.results, DELETED);
    restore(client, answer.deletion_id).await?;
    Ok(time)
}

/// Deletes the same by as many requests as it takes, and restores.
async fn by_ids(
    client: &mut ConversationServiceClient<Channel>,
    friends: &[String],
) -> Outcome<Duration> {
    let (mut time, mut deletions) = (Duration::ZERO, Vec::new());
    for friends in friends.chunks(IDS_OF_A_REQUEST) {
        let request = deletion(USER, friends.iter().cloned());
        let since = Instant::now();
        let answer = client.delete_conversations(request).await?;
        time += since.elapsed();
        let answer = answer.into_inner();
        check(&answer.results, friends.len());
        deletions.push(answer.deletion_id);
    }
    for deletion in deletions {
        restore(client, deletion).await?;
    }
    Ok(time)
}

/// That exactly so many were deleted.
fn check(results: &[DeletionResult], count: usize) {
    let deleted = results
        .iter()
        .filter(|result| result.outcome() == DeletionOutcome::Deleted);
    assert_eq!(deleted.count(), count);
}

async fn restore(
    client: &mut ConversationServiceClient<Channel>,
    deletion_id: String,
) -> Outcome<()> {
    let request = RestoreConversationsRequest {
        user_id: USER.to_owned(),
        deletion_id,
        ..RestoreConversationsRequest::default()
    };
    client.restore_conversations(request).await?;
    Ok(())
}
