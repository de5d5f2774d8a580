//! Any mix of calls, by a number of callers or at a rate.

use std::{sync::Arc, time::Duration};

use conversation_service::proto::{
    ClearHistoryRequest, GetUnreadCountRequest, ListConversationsRequest,
    MarkConversationsReadRequest, MarkConversationsRequest, PinConversationsRequest,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    drive,
    people::{Call, MOST, People, SEND, Supply},
    report,
    stage::Stage,
    subject::rpc,
    support::{Outcome, c2c, message},
    wire::Connections,
};

/// The most calls of one measurement.
const MOST_CALLS: usize = 1_000_000;
/// The calls that can be mixed.
const NAMES: [&str; 9] = [
    "delete",
    "delete100",
    "clear",
    "list",
    "unread",
    "send",
    "read",
    "pin",
    "mark",
];

/// The calls that are mixed, each with its share.
fn shares(mix: &str) -> Outcome<Vec<(&'static str, usize)>> {
    let share = |part: &str| {
        let (name, share) = part.split_once('=').ok_or("a mix is name=share,…")?;
        let known = NAMES.into_iter().find(|known| *known == name.trim());
        let known = known.ok_or(format!("{name} is none of {}", NAMES.join(", ")))?;
        Ok((known, share.trim().parse()?))
    };
    let shares = mix.split(',').map(share).collect::<Outcome<Vec<_>>>()?;
    if shares.iter().map(|(_, share)| share).sum::<usize>() == 0 {
        return Err("a mix needs shares".into());
    }
    Ok(shares)
}

/// Calls, made by so many callers or at a rate.
struct Mix {
    shares: Vec<(&'static str, usize)>,
    connections: Connections,
    callers: usize,
    /// Per second; 0 if each caller makes its next call when the last one is answered.
    rate: usize,
    random: StdRng,
}

/// The results of calls.
struct Tally {
    /// By their place in the mix, of those that succeeded.
    times: Vec<Vec<Duration>>,
    elapsed: Duration,
    failed: usize,
}

/// Runs the mix that the arguments ask for.
pub async fn mix(stage: &mut Stage<'_>) -> Outcome<()> {
    let service = stage.service()?;
    let (callers, rate) = (stage.arguments.in_flight, stage.arguments.rate);
    let open_callers = if rate == 0 { callers } else { usize::MAX };
    let mut mix = Mix {
        shares: shares(&stage.arguments.mix)?,
        connections: Connections::open(&[&service], open_callers).await?,
        callers,
        rate,
        random: StdRng::seed_from_u64(2),
    };
    let per_second = match rate {
        0 => mix.expected(stage).await?,
        rate => rate as f64,
    };
    let seconds = stage.arguments.duration.as_secs_f64();
    let count = ((per_second * seconds) as usize).clamp(1, MOST_CALLS);
    let how = match rate {
        0 => format!("closed loop, {callers} in flight"),
        rate => format!("open loop, {rate} calls/s, times from when each call was due"),
    };
    let mut tally = mix.tally();
    for _ in 0..stage.arguments.runs {
        mix.run(stage, count, &mut tally).await?;
    }
    stage.start_over().await?;
    let database = stage.database.place.name;
    report::note(&format!(
        "\nMix: {database}, {how}, {} runs of {count} calls",
        stage.arguments.runs
    ));
    mix.print(tally);
    Ok(())
}

impl Mix {
    fn tally(&self) -> Tally {
        Tally {
            times: vec![Vec::new(); self.shares.len()],
            elapsed: Duration::ZERO,
            failed: 0,
        }
    }

    /// How many calls per second these callers can be expected to make. The first calls of a
    /// connection are slow: the second time counts.
    async fn expected(&mut self, stage: &mut Stage<'_>) -> Outcome<f64> {
        let count = 20 * self.callers;
        self.run(stage, count, &mut self.tally()).await?;
        let mut tally = self.tally();
        self.run(stage, count, &mut tally).await?;
        Ok(count as f64 / tally.elapsed.as_secs_f64())
    }

    /// Makes so many calls, in as many rounds as it takes: a round ends when no more conversations can
    /// be deleted that are listed, and before the next one all are listed again.
    async fn run(&mut self, stage: &mut Stage<'_>, count: usize, tally: &mut Tally) -> Outcome<()> {
        let mut left = count;
        while left > 0 {
            // Not checked is what is deleted: calls may have failed in an open loop.
            stage.start_over().await?;
            let (kinds, calls) = self.round(&mut stage.supply, left)?;
            left -= calls.len();
            let count = calls.len();
            let call = rpc(self.connections.clone(), Arc::new(calls));
            let times = match self.rate {
                0 => drive::closed(self.callers, count, &call).await?,
                rate => drive::open(rate, count, &call).await?,
            };
            for (number, time) in times.calls {
                tally.times[kinds[number]].push(time);
            }
            tally.elapsed += times.elapsed;
            tally.failed += times.failed;
        }
        Ok(())
    }

    /// At most so many calls, and the place of each in the mix.
    fn round(&mut self, supply: &mut Supply, most: usize) -> Outcome<(Vec<usize>, Vec<Call>)> {
        let total: usize = self.shares.iter().map(|(_, share)| share).sum();
        let (mut kinds, mut calls) = (Vec::new(), Vec::new());
        while calls.len() < most {
            let mut at = self.random.random_range(0..total);
            let mut kind = 0;
            while at >= self.shares[kind].1 {
                at -= self.shares[kind].1;
                kind += 1;
            }
            let size = match self.shares[kind].0 {
                "delete" => 1,
                "delete100" => MOST,
                name => {
                    kinds.push(kind);
                    calls.push(call(name, &supply.people, &mut self.random)?);
                    continue;
                }
            };
            if !supply.has(size, 1) {
                break;
            }
            kinds.push(kind);
            calls.extend(supply.take(size, 1)?);
        }
        Ok((kinds, calls))
    }

    fn print(&self, mut tally: Tally) {
        report::note(&format!(
            "  {:<12}{:>10}{:>10}{:>10}{:>10}{:>12}",
            "", "calls", "p50 us", "p99 us", "p99.9 us", "greatest us"
        ));
        let all = tally.times.concat();
        let done = all.len();
        tally.times.push(all);
        let names = self.shares.iter().map(|(name, _)| *name).chain(["all"]);
        for (name, times) in names.zip(&mut tally.times) {
            times.sort_unstable();
            let of = |per_mille: usize| {
                let at = times.get(times.len().saturating_sub(1) * per_mille / 1000);
                at.map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
            };
            report::note(&format!(
                "  {name:<12}{:>10}{:>10.0}{:>10.0}{:>10.0}{:>12.0}",
                times.len(),
                of(500),
                of(990),
                of(999),
                of(1000)
            ));
        }
        report::note(&format!(
            "  {:.0} calls/s, {} failed",
            done as f64 / tally.elapsed.as_secs_f64(),
            tally.failed
        ));
    }
}

/// The conversations of a user that are pinned and unpinned: no more than a user may pin.
const PINNED_AT_TIMES: usize = 50;

/// A call of a random user, about a random conversation of theirs.
pub fn call(name: &str, people: &People, random: &mut StdRng) -> Outcome<Call> {
    let number = people.draw(random);
    let user_id = people.user(number);
    let conversations = match (name, people.conversations_of(number)) {
        ("pin", conversations) => conversations.min(PINNED_AT_TIMES),
        (_, conversations) => conversations,
    };
    let friend = people.friend(number, random.random_range(0..conversations));
    let conversation_ids = vec![c2c(&friend)];
    let request_id = uuid::Uuid::from_u128(random.random()).to_string();
    Ok(match name {
        "clear" => Call::of(
            "/conversation.v1.ConversationService/ClearHistory",
            &ClearHistoryRequest {
                user_id,
                conversation_ids,
                request_id,
                ..ClearHistoryRequest::default()
            },
        ),
        "list" => Call::of(
            "/conversation.v1.ConversationService/ListConversations",
            &ListConversationsRequest {
                user_id,
                ..ListConversationsRequest::default()
            },
        ),
        "unread" => Call::of(
            "/conversation.v1.ConversationService/GetUnreadCount",
            &GetUnreadCountRequest {
                user_id,
                filter: None,
            },
        ),
        "send" => Call::of(SEND, &message(&user_id, &friend)),
        "read" => Call::of(
            "/conversation.v1.ConversationService/MarkConversationsRead",
            &MarkConversationsReadRequest {
                user_id,
                conversation_ids,
                request_id,
                ..MarkConversationsReadRequest::default()
            },
        ),
        // Pinned and unpinned in turn, so that the limit of pins is not reached.
        "pin" => Call::of(
            "/conversation.v1.ConversationService/PinConversations",
            &PinConversationsRequest {
                user_id,
                conversation_ids,
                pinned: random.random(),
                request_id,
                ..PinConversationsRequest::default()
            },
        ),
        "mark" => Call::of(
            "/conversation.v1.ConversationService/MarkConversations",
            &MarkConversationsRequest {
                user_id,
                conversation_ids,
                add_marks: 1,
                request_id,
                ..MarkConversationsRequest::default()
            },
        ),
        _ => return Err(format!("{name} cannot be mixed").into()),
    })
}
