//! Messages: one-to-one against the best SQL by hand and against a transaction of two statements, and to one busy
//! group, small and large, against the other build. All who are compared send to the same people, in turns.

use std::{sync::Arc, time::Duration};

use super::groups::{found, member};
use crate::{
    direct::Direct,
    direct_messages::{Stored, Storing},
    drive, floor,
    people::{Call, People, group, sending, stored_between},
    report::{self, Target},
    sample::{Before, Sample, figures},
    stage::Stage,
    subject::rpc,
    support::{Outcome, Service, c2c},
    wire::Connections,
};

/// The senders to one group at once.
const CROWD: usize = 64;
/// A group of so many members has copies of its head.
const SMALL: usize = 8;

/// One of those that are compared.
struct Sender {
    name: &'static str,
    kind: Kind,
}

enum Kind {
    Service(Service),
    Direct(Direct, Storing),
}

/// Where messages go.
enum Audience {
    /// From one to another of these, who are drawn again for each message.
    Friends(People),
    /// To this group, from its members in turn.
    Group { name: String, members: usize },
}

/// The messages of a measurement, as they are sent and as they are stored.
#[derive(Default)]
struct Messages {
    calls: Vec<Call>,
    stored: Vec<Stored>,
}

/// Everything that is measured of messages.
pub async fn messages(stage: &mut Stage<'_>) -> Outcome<()> {
    let service = stage.service()?;
    let groups = [SMALL, stage.arguments.scaled(10_000)];
    for size in groups {
        found(&service, size).await?;
    }
    let mut senders = vec![Sender::service("service", service)];
    if let Some(other) = &stage.baseline {
        senders.push(Sender::service("baseline", other.clone()));
    }
    for size in groups {
        let audience = Audience::Group {
            name: size.to_string(),
            members: size,
        };
        let what = format!("one group of {size}, {CROWD} in flight");
        compare(stage, &senders, &audience, CROWD, &what).await?;
    }
    let direct = Direct::connect(&stage.database).await?;
    let mut by_hand = vec![("direct SQL", Storing::Fastest)];
    if stage.database.is_postgres() {
        let bare_server = floor::start_messages(&stage.database.place.url)?;
        senders.push(Sender::service("bare server", bare_server));
        by_hand.push(("BEGIN, two statements, COMMIT", Storing::InTransaction));
    }
    senders.extend(by_hand.into_iter().map(|(name, storing)| Sender {
        name,
        kind: Kind::Direct(direct.clone(), storing),
    }));
    for callers in [1, 16, 64] {
        let audience = Audience::Friends(stage.supply.people.clone());
        let what = format!("one-to-one, {callers} in flight");
        compare(stage, &senders, &audience, callers, &what).await?;
    }
    Ok(())
}

async fn compare(
    stage: &mut Stage<'_>,
    senders: &[Sender],
    audience: &Audience,
    callers: usize,
    what: &str,
) -> Outcome<()> {
    let mut counts = Vec::new();
    for sender in senders {
        let pilot = sender
            .measure(stage, audience, callers, 20 * callers)
            .await?;
        let seconds = stage.arguments.duration.max(Duration::from_millis(200));
        let wanted = seconds.as_secs_f64() * pilot.rate();
        counts.push((wanted as usize).max(20 * callers));
    }
    stage.database.settle().await?;
    let mut samples = vec![Vec::new(); senders.len()];
    for run in 0..stage.arguments.runs {
        for place in 0..senders.len() {
            let index = (run + place) % senders.len();
            let sample = senders[index].measure(stage, audience, callers, counts[index]);
            samples[index].push(sample.await?);
        }
    }
    let what = format!("{}: sending, {what}", stage.database.place.name);
    report::heading(&what);
    for (sender, samples) in senders.iter().zip(&samples) {
        report::figures(sender.name, samples);
    }
    for (sender, of_other) in senders.iter().zip(&samples).skip(1) {
        let (own, other) = (&samples[0], of_other);
        let name = format!("{what}: calls/s, service / {}", sender.name);
        let rates = |samples: &[Sample]| figures(samples, Sample::rate);
        stage
            .report
            .ratio(&name, Target::None, &rates(own), &rates(other));
        let name = format!("{what}: p50, service / {}", sender.name);
        let p50 = |samples: &[Sample]| figures(samples, |sample| sample.percentile(50));
        stage
            .report
            .ratio(&name, Target::None, &p50(own), &p50(other));
    }
    Ok(())
}

impl Sender {
    fn service(name: &'static str, service: Service) -> Self {
        let kind = Kind::Service(service);
        Self { name, kind }
    }

    async fn measure(
        &self,
        stage: &Stage<'_>,
        audience: &Audience,
        callers: usize,
        count: usize,
    ) -> Outcome<Sample> {
        let messages = audience.messages(count)?;
        let database = &stage.database;
        match &self.kind {
            Kind::Service(service) => {
                let connections = Connections::open(&[service], callers).await?;
                let call = rpc(connections, Arc::new(messages.calls));
                let before = Before::look(database, vec![service.process()]).await?;
                let times = drive::closed(callers, count, &call).await?;
                before.sample(database, times).await
            }
            Kind::Direct(direct, storing) => {
                let before = Before::look(database, Vec::new()).await?;
                let times = direct.store(messages.stored, callers, *storing).await?;
                before.sample(database, times).await
            }
        }
    }
}

impl Audience {
    /// The next messages.
    fn messages(&self, count: usize) -> Outcome<Messages> {
        let mut messages = Messages::default();
        for number in 0..count {
            let name = rand::random::<u128>().to_string();
            match self {
                Self::Friends(people) => {
                    let user = rand::random_range(0..people.users);
                    let friend = rand::random_range(0..people.conversations);
                    let (sender, recipient) = (people.user(user), people.friend(user, friend));
                    let id = c2c(&recipient);
                    messages.calls.push(sending(&sender, id, &name));
                    let message = stored_between(&sender, &recipient, &name)?;
                    messages.stored.push(message);
                }
                Self::Group { name: id, members } => {
                    let sender = member(number % members);
                    messages.calls.push(sending(&sender, group(id), &name));
                }
            }
        }
        Ok(messages)
    }
}
