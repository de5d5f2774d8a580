//! The throughput of a server that is asked for four times as much as it can do: how much of it gets done,
//! how long that takes, and whether it needs more memory as time goes on.
//!
//! One server, the real program in a process of its own, is compared with itself. Its peak is the most
//! deletions of 100 conversations a second that 16, 64 or 128 callers get done if each waits for an answer
//! before it asks again. The peak is measured again before each period, since a database has better and
//! worse minutes. Then as many callers as it takes ask at a fixed rate, four times the peak, without
//! waiting for answers; each call has a deadline of two seconds. Callers, server and database share the
//! machine, so what the refusals cost the callers is missing from what gets done; to make that little, they
//! send requests that were encoded before. How much of the machine they take is printed.
//!
//! ```sh
//! BENCH_POSTGRES_URL=postgres://postgres@127.0.0.1:5432/postgres cargo bench --bench overload -- 10 60
//! ```
//!
//! Arguments: how many periods (10), the seconds of each (60), how many times the peak (4).

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

#[path = "../tests/it/support/raw.rs"]
mod raw;
mod support;

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use conversation_service::proto::message_service_client::MessageServiceClient;
use prost::Message as _;
use raw::Raw;
use support::{Outcome, Place, Service, argument, deletion, message, percentile, places};
use tokio::task::JoinSet;
use tonic::{
    Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel,
};

/// So many that callers seldom ask for the same one at a time, and wait for each other.
const USERS: usize = 512;
const FRIENDS: usize = 100;
const DELETE: &str = "/conversation.v1.ConversationService/DeleteConversations";
const CONNECTIONS: usize = 16;
const DEADLINE: Duration = Duration::from_secs(2);
/// How long the peak is looked for with each number of callers.
const LOOKING: Duration = Duration::from_secs(10);
/// How often the open loop asks for what is due.
const TICK: Duration = Duration::from_millis(5);

#[tokio::main]
async fn main() -> Outcome<()> {
    let (periods, seconds) = (argument(0, 10), argument(1, 60));
    let times = argument(2, 4);
    let period = Duration::from_secs(seconds as u64);
    for place in places("bench_overload").await? {
        measure(&place, periods, period, times as f64).await?;
    }
    Ok(())
}

/// The results of the calls of a period.
#[derive(Default)]
struct Tally {
    done: Vec<Duration>,
    refused: Vec<Duration>,
    others: BTreeMap<String, u64>,
}

async fn measure(place: &Place, periods: usize, period: Duration, times: f64) -> Outcome<()> {
    let service = Service::start(&place.url, &[])?;
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(service.connect().await?);
    }
    seed(&channels).await?;
    let requests = Arc::new(deletions());
    let (mut peak, mut best) = (0.0, 0);
    for callers in [16, 64, 128] {
        let rate = closed_loop(&channels, &requests, callers).await?;
        println!(
            "{}: {callers} callers get {rate:.0} deletions of {FRIENDS} done a second",
            place.name
        );
        if rate > peak {
            (peak, best) = (rate, callers);
        }
    }
    let rate = peak * times;
    println!(
        "{}: asked for {rate:.0} a second, {times} times the peak of {peak:.0}\n\
         period   peak/s   done/s   of the peak   p50 ms   p99 ms   refused/s   their p99 ms   resident KiB   processors of the callers   others",
        place.name
    );
    for index in 1..=periods {
        let peak = closed_loop(&channels, &requests, best).await?;
        let used = processor_time()?;
        let mut tally = open_loop(&channels, &requests, rate, period).await?;
        let seconds = period.as_secs_f64();
        let callers = (processor_time()? - used) as f64 / 100.0 / seconds;
        let goodput = tally.done.len() as f64 / seconds;
        println!(
            "{index:>6} {peak:>8.0} {goodput:>8.0} {:>13.2} {:>8.0} {:>8.0} {:>11.0} {:>14.1} {:>14} {callers:>27.2}   {:?}",
            goodput / peak,
            percentile(&mut tally.done, 50),
            percentile(&mut tally.done, 99),
            tally.refused.len() as f64 / seconds,
            percentile(&mut tally.refused, 99),
            service.resident()?,
            tally.others,
        );
    }
    Ok(())
}

fn user(number: usize) -> String {
    format!("user {number}")
}

/// A deletion for each user, as it is sent.
fn deletions() -> Vec<Vec<u8>> {
    (0..USERS)
        .map(|number| deletion(&user(number), friends()).encode_to_vec())
        .collect()
}

async fn delete(channel: Channel, request: Request<Vec<u8>>) -> Result<(), Status> {
    let mut client = Grpc::new(channel);
    let ready = client.ready().await;
    ready.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::from_static(DELETE);
    client.unary(request, path, Raw).await.map(drop)
}

/// The processor time that this process has used, in hundredths of a second.
fn processor_time() -> Outcome<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    Ok(ticks.map(str::parse::<u64>).sum::<Result<_, _>>()?)
}

fn friends() -> impl Iterator<Item = String> {
    (0..FRIENDS).map(|number| format!("friend {number}"))
}

/// Gives each user a conversation with each friend.
async fn seed(channels: &[Channel]) -> Outcome<()> {
    let mut sending = JoinSet::new();
    for (first, channel) in (0..).zip(channels) {
        let mut messages = MessageServiceClient::new(channel.clone());
        sending.spawn(async move {
            for number in (first..USERS).step_by(CONNECTIONS) {
                for friend in friends() {
                    messages
                        .send_message(message(&friend, &user(number)))
                        .await?;
                }
            }
            Outcome::Ok(())
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    Ok(())
}

/// How many deletions a second so many callers get done.
async fn closed_loop(
    channels: &[Channel],
    requests: &Arc<Vec<Vec<u8>>>,
    callers: usize,
) -> Outcome<f64> {
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let mut calling = JoinSet::new();
    let begun = Instant::now();
    for (caller, channel) in (0..callers).zip(channels.iter().cycle()) {
        let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
        let (channel, requests) = (channel.clone(), Arc::clone(requests));
        calling.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let request = Request::new(requests[caller].clone());
                delete(channel.clone(), request).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Ok(())
        });
    }
    tokio::time::sleep(LOOKING).await;
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = calling.join_next().await {
        ended??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

/// Asks at this rate, without waiting for answers.
async fn open_loop(
    channels: &[Channel],
    requests: &[Vec<u8>],
    rate: f64,
    period: Duration,
) -> Outcome<Tally> {
    let mut tally = Tally::default();
    let mut calls = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    let begun = Instant::now();
    let mut asked = 0;
    while begun.elapsed() < period {
        ticks.tick().await;
        while (asked as f64) < begun.elapsed().as_secs_f64() * rate {
            let channel = channels[asked % channels.len()].clone();
            let request = requests[asked % requests.len()].clone();
            calls.spawn(call(channel, request));
            asked += 1;
        }
        while let Some(ended) = calls.try_join_next() {
            tally.count(ended?);
        }
    }
    while let Some(ended) = calls.join_next().await {
        tally.count(ended?);
    }
    Ok(tally)
}

/// Asks once; returns how it ended and how long that took.
async fn call(channel: Channel, request: Vec<u8>) -> (Code, Duration) {
    let mut request = Request::new(request);
    request.set_timeout(DEADLINE);
    let begun = Instant::now();
    let answer = delete(channel, request).await;
    let code = answer.map_or_else(|status| status.code(), |()| Code::Ok);
    (code, begun.elapsed())
}

impl Tally {
    fn count(&mut self, (code, took): (Code, Duration)) {
        match code {
            Code::Ok => self.done.push(took),
            Code::ResourceExhausted => self.refused.push(took),
            code => *self.others.entry(format!("{code:?}")).or_default() += 1,
        }
    }
}
