//! Makes calls: as fast as they are answered, or at a given rate.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use crate::support::{Outcome, percentile};

/// Makes the call of the given number, as the given caller.
pub type Caller =
    Arc<dyn Fn(usize, usize) -> Pin<Box<dyn Future<Output = Outcome<()>> + Send>> + Send + Sync>;

/// The most calls under way in an open loop. A call beyond it waits, and its waiting counts.
const MOST_UNDER_WAY: usize = 1_000;

/// The times of calls.
#[derive(Debug, Default)]
pub struct Times {
    pub elapsed: Duration,
    /// Of each call that succeeded, with its number.
    pub calls: Vec<(usize, Duration)>,
    pub failed: usize,
}

/// A closed loop: so many callers make so many calls in all, each its next one when the last one is
/// answered. Ends early, with an error, when a call fails.
pub async fn closed(callers: usize, count: usize, call: &Caller) -> Outcome<Times> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut running = JoinSet::new();
    let begun = Instant::now();
    for caller in 0..callers {
        let (next, call) = (Arc::clone(&next), Arc::clone(call));
        running.spawn(async move {
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Outcome::Ok(times);
                }
                let begun = Instant::now();
                call(caller, number).await?;
                times.push((number, begun.elapsed()));
            }
        });
    }
    let mut times = Times::default();
    while let Some(done) = running.join_next().await {
        times.calls.extend(done??);
    }
    times.elapsed = begun.elapsed();
    Ok(times)
}

/// An open loop: so many calls in all, at this rate, whether or not earlier ones are answered. A time
/// runs from the moment at which its call was due, so that the calls that a slow answer holds up count
/// as slow, too.
pub async fn open(rate: usize, count: usize, call: &Caller) -> Outcome<Times> {
    let (due, mut when_due) = mpsc::channel(count.max(1));
    let begun = Instant::now();
    // A thread of its own, since the runtime's timers are exact to a millisecond only.
    let pace = thread::spawn(move || {
        for number in 0..count {
            let at = begun + Duration::from_secs_f64(number as f64 / rate as f64);
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if due.blocking_send((number, at)).is_err() {
                return;
            }
        }
    });
    let permits = Arc::new(Semaphore::new(MOST_UNDER_WAY));
    let mut running = JoinSet::new();
    while let Some((number, at)) = when_due.recv().await {
        let (permits, call) = (Arc::clone(&permits), Arc::clone(call));
        running.spawn(async move {
            let _permit = permits.acquire().await;
            let done = call(number, number).await;
            (number, done.map(|()| at.elapsed()))
        });
    }
    let mut times = Times::default();
    while let Some(done) = running.join_next().await {
        match done? {
            (number, Ok(time)) => times.calls.push((number, time)),
            (_, Err(_)) => times.failed += 1,
        }
    }
    times.elapsed = begun.elapsed();
    pace.join().map_err(|_| "the pace was lost")?;
    Ok(times)
}

/// The medians of the times, in milliseconds, that several things take which have their turns one after
/// the other, call by call, each as often first as last: what else the machine does hits all alike.
pub async fn in_turns<const THINGS: usize>(
    rounds: usize,
    mut time: impl AsyncFnMut(usize, usize) -> Outcome<Duration>,
) -> Outcome<[f64; THINGS]> {
    let mut times = [const { Vec::new() }; THINGS];
    for round in 0..rounds {
        for turn in 0..THINGS {
            let thing = (round + turn) % THINGS;
            times[thing].push(time(thing, round).await?);
        }
    }
    Ok(times.map(|mut times| percentile(&mut times, 50)))
}
