//! The cost of a purge for its concurrent callers: the times of deletions and sends with and without a
//! purge of a million messages beside them, in one run.
//!
//! One server, the real program in a process of its own, is compared with itself: the same load first
//! alone, then while `purge`, another process on the same database, erases, then alone again.
//!
//! ```sh
//! BENCH_POSTGRES_URL=postgres://postgres@127.0.0.1:5432/postgres cargo bench --bench purge -- 1000000
//! ```
//!
//! Arguments: the number of messages to erase (1000000), the seconds of load before and after (10).

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
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use conversation_service::proto::{
    conversation_service_client::ConversationServiceClient,
    message_service_client::MessageServiceClient,
};
use sea_orm::{ConnectionTrait as _, DbBackend};
use support::{Outcome, Place, Service, argument, deletion, message, percentile, places};
use tokio::task::JoinSet;

/// Callers of each kind.
const CALLERS: usize = 4;
/// Conversations whose histories are erased.
const CONVERSATIONS: usize = 100;
/// The length of the erased messages: about as long as people write.
const BODY_BYTES: usize = 100;

/// The times of calls.
#[derive(Default)]
struct Times {
    deletions: Vec<Duration>,
    sends: Vec<Duration>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let (messages, seconds) = (argument(0, 1_000_000), argument(1, 10));
    println!(
        "database     phase     seconds   calls/s   delete p50 ms     p99 ms   send p50 ms     p99 ms"
    );
    for place in places("bench_purge").await? {
        measure(&place, messages, Duration::from_secs(seconds as u64)).await?;
    }
    Ok(())
}

async fn measure(place: &Place, messages: usize, alone: Duration) -> Outcome<()> {
    // The service's own rounds stay away; what is cleared can be erased at once.
    let settings = ["--purge-interval", "24h", "--restore-window", "0s"];
    let service = Service::start(&place.url, &settings)?;
    seed(place, &service, messages).await?;

    load(place, &service, "before", async {
        tokio::time::sleep(alone).await;
        Ok(())
    })
    .await?;
    let said = load(place, &service, "purging", async {
        let purge = tokio::task::spawn_blocking({
            let url = place.url.clone();
            move || {
                std::process::Command::new(env!("CARGO_BIN_EXE_conversation-service"))
                    .args(["purge", "--database-url", &url, "--restore-window", "0s"])
                    .env("RUST_LOG", "error")
                    .stderr(Stdio::inherit())
                    .output()
            }
        });
        Ok(String::from_utf8_lossy(&purge.await??.stdout)
            .trim()
            .to_owned())
    })
    .await?;
    load(place, &service, "after", async {
        tokio::time::sleep(alone).await;
        Ok(())
    })
    .await?;
    println!("{:<12} {said}", place.name);
    Ok(())
}

/// Conversations with one real message each, filled up in bulk and then cleared by both sides.
async fn seed(place: &Place, service: &Service, messages: usize) -> Outcome<()> {
    let channel = service.connect().await?;
    let friends: Vec<_> = (0..CONVERSATIONS)
        .map(|number| format!("friend {number}"))
        .collect();
    for friend in &friends {
        MessageServiceClient::new(channel.clone())
            .send_message(message(friend, "talker"))
            .await?;
    }
    let connection = place.connection().await?;
    let each = messages / CONVERSATIONS;
    let (numbers, content) = match connection.get_database_backend() {
        DbBackend::Postgres => (
            format!("generate_series(2, {each}) AS n(seq)"),
            format!("convert_to(repeat('x', {BODY_BYTES}), 'UTF8')"),
        ),
        _ => (
            format!(
                "(WITH RECURSIVE n(seq) AS (SELECT 2 UNION ALL SELECT seq + 1 FROM n WHERE seq < {each}) SELECT seq FROM n) AS n"
            ),
            format!("CAST(printf('%.{BODY_BYTES}c', 'x') AS BLOB)"),
        ),
    };
    connection
        .execute_unprepared(&format!(
            "INSERT INTO messages (conversation_key, seq, sender_user_id, send_time, content) \
             SELECT m.conversation_key, n.seq, m.sender_user_id, m.send_time, {content} \
             FROM messages AS m CROSS JOIN {numbers} WHERE m.seq = 1"
        ))
        .await?;
    let head = format!("UPDATE conversations SET last_seq = {each}");
    connection.execute_unprepared(&head).await?;
    connection.close().await?;
    let mut conversations = ConversationServiceClient::new(channel);
    for friend in &friends {
        for (user, other) in [("talker", friend.as_str()), (friend, "talker")] {
            let mut request = deletion(user, [other.to_owned()]);
            request.clear_history = Some(true);
            conversations.delete_conversations(request).await?;
        }
    }
    Ok(())
}

/// Deletions and sends until `during` is over; prints their times.
async fn load<T>(
    place: &Place,
    service: &Service,
    phase: &str,
    during: impl Future<Output = Outcome<T>>,
) -> Outcome<T> {
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for caller in 0..2 * CALLERS {
        let (channel, over) = (service.connect().await?, Arc::clone(&over));
        callers.spawn(async move {
            let mut times = Times::default();
            let user = format!("caller {}", caller / 2);
            let mut conversations = ConversationServiceClient::new(channel.clone());
            let mut messages = MessageServiceClient::new(channel);
            let mut number = 0;
            while !over.load(Ordering::Relaxed) {
                number = (number + 1) % 100;
                let begun = Instant::now();
                if caller % 2 == 0 {
                    let friends =
                        (0..10).map(|friend| format!("friend {}", (number + friend) % 100));
                    let request = deletion(&user, friends);
                    conversations.delete_conversations(request).await?;
                    times.deletions.push(begun.elapsed());
                } else {
                    let request = message(&format!("friend {number}"), &user);
                    messages.send_message(request).await?;
                    times.sends.push(begun.elapsed());
                }
            }
            Outcome::Ok(times)
        });
    }
    let begun = Instant::now();
    let result = during.await;
    let seconds = begun.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    let mut all = Times::default();
    while let Some(times) = callers.join_next().await {
        let times = times??;
        all.deletions.extend(times.deletions);
        all.sends.extend(times.sends);
    }
    let calls = (all.deletions.len() + all.sends.len()) as f64 / seconds;
    println!(
        "{:<12} {phase:<8} {seconds:>8.1} {calls:>9.0} {:>15.2} {:>10.2} {:>13.2} {:>10.2}",
        place.name,
        percentile(&mut all.deletions, 50),
        percentile(&mut all.deletions, 99),
        percentile(&mut all.sends, 50),
        percentile(&mut all.sends, 99),
    );
    result
}
