//! A database with its people and its figures: what every scenario works with.

use std::{error::Error, fmt, str::FromStr, time::Instant};

use crate::{
    arguments::Arguments,
    captured::{self, Captured},
    database::Database,
    floor,
    people::{Call, MOST, People, Supply},
    report::{self, Report},
    sample::Sample,
    subject::Subject,
    support::{Outcome, Place, Service},
    verify,
};

/// The most turns that each of those that are compared takes in a run.
const MOST_TURNS: usize = 10;

pub struct Stage<'a> {
    pub arguments: &'a Arguments,
    pub database: Database,
    pub captured: Captured,
    pub supply: Supply,
    pub report: &'a mut Report,
    /// The other build of the service, if there is one. It runs from the beginning: its schema may be an older one.
    pub baseline: Option<Service>,
}

/// The load to measure: requests for so many conversations, which is 1 or [`MOST`], from so many callers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    pub size: usize,
    pub callers: usize,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = if self.size == 1 { "ID" } else { "IDs" };
        write!(f, "{} {ids}, {} in flight", self.size, self.callers)
    }
}

/// Reads `100x16`.
impl FromStr for Load {
    type Err = Box<dyn Error + Send + Sync>;

    fn from_str(text: &str) -> Outcome<Self> {
        let (size, callers) = text.split_once('x').ok_or("a load is 1x16 or 100x16")?;
        let (size, callers) = (size.parse()?, callers.parse()?);
        if ![1, MOST].contains(&size) || callers == 0 {
            return Err(format!("a load has 1 or {MOST} IDs, and callers").into());
        }
        Ok(Self { size, callers })
    }
}

impl<'a> Stage<'a> {
    /// Makes the tables, seeds them, and looks through the API whether what was seeded is right.
    pub async fn set(
        place: Place,
        arguments: &'a Arguments,
        report: &'a mut Report,
    ) -> Outcome<Self> {
        let people = People {
            name: "user".to_owned(),
            users: arguments.users,
            conversations: arguments.conversations,
            messages: arguments.messages,
            likeness: arguments.likeness,
        };
        let baseline = arguments.baseline.as_ref();
        let baseline = baseline.map(|program| Service::start_program(program, &place.url, &[]));
        let baseline = baseline.transpose()?;
        let captured = captured::capture(&place.url).await?;
        let database = Database::connect(place).await?;
        report::settings(database.place.name, &database.settings().await?);
        let begun = Instant::now();
        let pairs: Vec<_> = people.pairs().collect();
        database.seed(&people.name, &pairs, people.messages).await?;
        let took = begun.elapsed();
        let service = Service::start(&database.place.url, &[])?;
        let looked_at = verify::people(&service, &people).await?;
        report::note(&format!(
            "{}: seeded in {:.0} s; the lists, histories and unread counts of {looked_at} users read back right",
            database.place.name,
            took.as_secs_f64()
        ));
        Ok(Self {
            arguments,
            database,
            captured,
            supply: Supply::new(people),
            report,
            baseline,
        })
    }

    /// A running service of this build.
    pub fn service(&self) -> Outcome<Service> {
        Service::start(&self.database.place.url, &[])
    }

    /// The service, the other build of it if there is one, and the floors.
    pub async fn subjects(&self) -> Outcome<Vec<Subject>> {
        let mut subjects = vec![Subject::services("service", vec![self.service()?])];
        if let Some(other) = &self.baseline {
            subjects.push(Subject::services("baseline", vec![other.clone()]));
        }
        subjects.push(Subject::direct(&self.database, &self.captured).await?);
        subjects.push(Subject::noop(floor::start_noop()?));
        Ok(subjects)
    }

    /// The least that a service can be, if there can be one: direct SQL on SQLite is one caller only.
    pub fn bare_server(&self) -> Outcome<Option<Subject>> {
        if !self.database.is_postgres() {
            return Ok(None);
        }
        let server = floor::start_bare(&self.database.place.url, &self.captured)?;
        Ok(Some(Subject::services("bare server", vec![server])))
    }

    /// The deletions for one measurement. If there are not enough left, everything is listed again
    /// first.
    pub async fn calls(&mut self, size: usize, count: usize) -> Outcome<Vec<Call>> {
        if !self.supply.has(size, count) {
            self.list_again().await?;
        }
        self.supply.take(size, count)
    }

    /// Makes everything listed again, having checked that exactly what was asked for is deleted.
    pub async fn list_again(&mut self) -> Outcome<()> {
        let name = &self.supply.people.name;
        let deleted = self.database.deleted(name).await?;
        let expected = self.supply.handed_out();
        if deleted != expected {
            return Err(format!("{deleted} conversations are deleted, not {expected}").into());
        }
        self.start_over().await
    }

    /// Makes everything listed again, deleted or not.
    pub async fn start_over(&mut self) -> Outcome<()> {
        let name = &self.supply.people.name;
        self.database.reset(name).await?;
        self.database.settle().await?;
        self.database.touch(name).await?;
        self.supply.reset();
        Ok(())
    }

    /// Measures the subjects in short turns: in each run each of them makes as many calls of each load, and
    /// which one begins changes from turn to turn. Other work of the machine hits all alike. Returns the
    /// samples by load, by subject and by run.
    pub async fn compare(
        &mut self,
        subjects: &[Subject],
        loads: &[Load],
    ) -> Outcome<Vec<Vec<Vec<Sample>>>> {
        let mut counts = Vec::new();
        for load in loads {
            counts.push(self.calibrate(&subjects[0], *load).await?);
            for subject in &subjects[1..] {
                self.measure(subject, *load, 4 * load.callers).await?;
            }
        }
        // PostgreSQL plans again the statements that it planned for a log of changes that was still empty.
        self.list_again().await?;
        let mut samples = vec![vec![Vec::new(); subjects.len()]; loads.len()];
        for _ in 0..self.arguments.runs {
            for ((load, count), samples) in loads.iter().zip(&counts).zip(&mut samples) {
                let run = self.take_turns(subjects, *load, *count).await?;
                for (sample, samples) in run.into_iter().zip(samples) {
                    samples.push(sample);
                }
            }
        }
        self.list_again().await?;
        Ok(samples)
    }

    /// One run: a sample of each subject, of so many calls.
    async fn take_turns(
        &mut self,
        subjects: &[Subject],
        load: Load,
        count: usize,
    ) -> Outcome<Vec<Sample>> {
        // At the end of a turn callers wait for the others, so it must not be too short.
        let turns = (count / (8 * load.callers)).clamp(1, MOST_TURNS);
        let mut samples = vec![Sample::default(); subjects.len()];
        for turn in 0..turns {
            for place in 0..subjects.len() {
                // To and fro: a subject that were always after the same one would always find the machine
                // as that one leaves it.
                let place = if turn % 2 == 0 {
                    place
                } else {
                    subjects.len() - place
                };
                let index = (turn + place) % subjects.len();
                let sample = self.measure(&subjects[index], load, count / turns).await?;
                samples[index].add(sample);
            }
        }
        Ok(samples)
    }

    /// One measurement.
    pub async fn measure(
        &mut self,
        subject: &Subject,
        load: Load,
        count: usize,
    ) -> Outcome<Sample> {
        let calls = if subject.changes {
            self.calls(load.size, count).await?
        } else {
            Supply::new(self.supply.people.clone()).take(load.size, count)?
        };
        subject.run(&self.database, calls, load.callers).await
    }

    /// How many calls take about as long as a measurement shall.
    async fn calibrate(&mut self, subject: &Subject, load: Load) -> Outcome<usize> {
        let most = self.supply.capacity(load.size);
        let mut count = (4 * load.callers).min(most);
        // The first calls of a connection are slow: the second measurement counts.
        for part in [8, 1] {
            let sample = self.measure(subject, load, count).await?;
            let wanted = self.arguments.duration.as_secs_f64() / f64::from(part) * sample.rate();
            count = (wanted as usize).clamp(2 * load.callers, most);
        }
        Ok(count)
    }
}
