//! The calls that people make most, each by itself: against the other build, and a page of a list against the
//! best SQL by hand and against a server that does nothing but run it. All have their turns in each run.

use rand::{SeedableRng as _, rngs::StdRng};

use super::mix::call;
use crate::{
    direct::Direct,
    floor,
    people::{Call, People},
    report::{self, Target},
    sample::{Before, Sample, figures},
    stage::Stage,
    subject::Subject,
    support::Outcome,
};

const PAGE: &str = "list";
const PIN: &str = "pin";
const READ: &str = "read";
const CALLS: [&str; 7] = ["send", PAGE, "unread", READ, "mark", PIN, "clear"];

/// The measurements of one call.
struct Measured {
    name: &'static str,
    /// The calls of one measurement.
    count: usize,
    /// By subject, of those that can be called so.
    samples: Vec<Vec<Sample>>,
    /// The floor, if it has one.
    direct: Vec<Sample>,
}

/// Everything that is measured of the calls.
pub async fn calls(stage: &mut Stage<'_>) -> Outcome<()> {
    let callers = stage.arguments.in_flight;
    let mut subjects = vec![Subject::services("service", vec![stage.service()?])];
    if let Some(other) = &stage.baseline {
        subjects.push(Subject::services("baseline", vec![other.clone()]));
    }
    let callable = subjects.len();
    let bare_server = floor::start_pages(&stage.database.place.url)?;
    subjects.push(Subject::services("bare server", vec![bare_server]));
    let direct = Direct::connect(&stage.database).await?;
    let mut random = StdRng::seed_from_u64(3);
    let mut all = Vec::new();
    for name in CALLS {
        // The first calls of a connection are slow: the second measurement counts.
        let mut count = 20 * callers;
        for _ in 0..2 {
            let calls = drawn(name, count, &stage.supply.people, &mut random)?;
            let pilot = subjects[0].run(&stage.database, calls, callers).await?;
            let wanted = stage.arguments.duration.as_secs_f64() * pilot.rate();
            count = (wanted as usize).max(20 * callers);
        }
        all.push(Measured {
            name,
            count,
            samples: vec![
                Vec::new();
                if name == PAGE {
                    subjects.len()
                } else {
                    callable
                }
            ],
            direct: Vec::new(),
        });
    }
    stage.database.settle().await?;
    for _ in 0..stage.arguments.runs {
        for measured in &mut all {
            measured.run(stage, &subjects, &direct, &mut random).await?;
        }
    }
    stage.start_over().await?;
    for measured in &all {
        show(stage, &subjects, measured);
    }
    show_pins(stage, &all);
    Ok(())
}

impl Measured {
    /// One run: each subject has two turns, and is once the first and once the last.
    async fn run(
        &mut self,
        stage: &Stage<'_>,
        subjects: &[Subject],
        direct: &Direct,
        random: &mut StdRng,
    ) -> Outcome<()> {
        let callers = stage.arguments.in_flight;
        let count = self.count / 2;
        let subjects = &subjects[..self.samples.len()];
        let mut run = vec![Sample::default(); subjects.len()];
        let to_and_fro = (0..subjects.len()).chain((0..subjects.len()).rev());
        for index in to_and_fro {
            let calls = drawn(self.name, count, &stage.supply.people, random)?;
            let sample = subjects[index].run(&stage.database, calls, callers);
            run[index].add(sample.await?);
        }
        for (sample, samples) in run.into_iter().zip(&mut self.samples) {
            samples.push(sample);
        }
        if self.name == PAGE {
            let sample = read(stage, direct, self.count, callers, random);
            self.direct.push(sample.await?);
        }
        Ok(())
    }
}

/// Calls of random users, about random conversations of theirs.
fn drawn(name: &str, count: usize, people: &People, random: &mut StdRng) -> Outcome<Vec<Call>> {
    (0..count).map(|_| call(name, people, random)).collect()
}

/// Pages by direct SQL.
async fn read(
    stage: &Stage<'_>,
    direct: &Direct,
    count: usize,
    callers: usize,
    random: &mut StdRng,
) -> Outcome<Sample> {
    let people = &stage.supply.people;
    let users = (0..count).map(|_| people.user(people.draw(random)));
    let users = users.collect();
    let before = Before::look(&stage.database, Vec::new()).await?;
    let times = direct.read_pages(users, callers).await?;
    before.sample(&stage.database, times).await
}

fn show(stage: &mut Stage<'_>, subjects: &[Subject], measured: &Measured) {
    let callers = stage.arguments.in_flight;
    let subjects = &subjects[..measured.samples.len()];
    let what = format!(
        "{}: {}, {callers} in flight",
        stage.database.place.name, measured.name
    );
    report::all_figures(&what, subjects, &measured.samples);
    let own = figures(&measured.samples[0], Sample::rate);
    for (subject, samples) in subjects.iter().zip(&measured.samples).skip(1) {
        let name = format!("{what}: calls/s, service / {}", subject.name);
        let other = figures(samples, Sample::rate);
        stage.report.ratio(&name, Target::None, &own, &other);
    }
    if !measured.direct.is_empty() {
        report::figures("direct SQL", &measured.direct);
        let least = if stage.database.is_postgres() {
            0.7
        } else {
            0.5
        };
        let name = format!("{what}: calls/s, service / direct SQL");
        let direct = figures(&measured.direct, Sample::rate);
        stage
            .report
            .ratio(&name, Target::AtLeast(least), &own, &direct);
        if let Some(bare) = measured.samples.last() {
            let name = format!("{what}: calls/s, bare server / direct SQL");
            let bare = figures(bare, Sample::rate);
            stage.report.ratio(&name, Target::None, &bare, &direct);
        }
    }
}

/// A pin may be refused, and reading may not: the ratio says what that costs.
fn show_pins(stage: &mut Stage<'_>, all: &[Measured]) {
    let of = |name| {
        let measured = all.iter().find(|measured| measured.name == name);
        measured.map_or(Vec::new(), |measured| {
            figures(&measured.samples[0], Sample::rate)
        })
    };
    let name = format!(
        "{}: calls/s, pinning / reading, {} in flight",
        stage.database.place.name, stage.arguments.in_flight
    );
    stage
        .report
        .ratio(&name, Target::AtLeast(0.6), &of(PIN), &of(READ));
}
