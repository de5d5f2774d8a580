//! One measurement: the times of calls, and their cost beside time.

use std::{collections::HashMap, time::Duration};

use crate::{database::Database, drive::Times, process, support::Outcome};

/// A figure of a sample.
pub type Figure = fn(&Sample) -> f64;

/// The result of so many calls.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    pub calls: usize,
    pub elapsed: Duration,
    /// Of each call, from the shortest.
    pub times: Vec<Duration>,
    /// CPU time of the processes that were called.
    pub service: Option<Duration>,
    /// Of the database's.
    pub database: Option<Duration>,
    /// Of this one.
    pub client: Option<Duration>,
    /// Bytes of the database's log.
    pub log: Option<i64>,
}

/// How things stood before a measurement.
pub struct Before {
    services: Vec<u32>,
    service: Option<Duration>,
    database: HashMap<u32, Duration>,
    client: Option<Duration>,
    log: Option<i64>,
}

impl Before {
    pub async fn look(database: &Database, services: Vec<u32>) -> Outcome<Self> {
        Ok(Self {
            log: database.log_written().await?,
            database: database.cpu().await?,
            service: total(&services),
            client: process::cpu(std::process::id()),
            services,
        })
    }

    pub async fn sample(self, database: &Database, times: Times) -> Outcome<Sample> {
        let since = |before: Option<Duration>, after: Option<Duration>| {
            Some(after?.saturating_sub(before?))
        };
        let service = since(self.service, total(&self.services));
        let client = since(self.client, process::cpu(std::process::id()));
        let used: Duration = database
            .cpu()
            .await?
            .into_iter()
            .map(|(process, time)| {
                let before = self.database.get(&process).copied().unwrap_or_default();
                time.saturating_sub(before)
            })
            .sum();
        let log = match (self.log, database.log_written().await?) {
            (Some(before), Some(after)) => Some(after - before),
            _ => None,
        };
        let mut calls: Vec<_> = times.calls.into_iter().map(|(_, time)| time).collect();
        calls.sort_unstable();
        Ok(Sample {
            calls: calls.len(),
            elapsed: times.elapsed,
            times: calls,
            service: service.filter(|_| !self.services.is_empty()),
            database: database.is_postgres().then_some(used),
            client,
            log,
        })
    }
}

fn total(processes: &[u32]) -> Option<Duration> {
    processes.iter().map(|&process| process::cpu(process)).sum()
}

impl Sample {
    /// Adds another measurement of the same to this one, which may be none yet.
    pub fn add(&mut self, more: Self) {
        if self.calls == 0 {
            *self = more;
            return;
        }
        let sum = |one: Option<Duration>, other: Option<Duration>| Some(one? + other?);
        self.calls += more.calls;
        self.elapsed += more.elapsed;
        self.times.extend(more.times);
        self.times.sort_unstable();
        self.service = sum(self.service, more.service);
        self.database = sum(self.database, more.database);
        self.client = sum(self.client, more.client);
        self.log = self.log.zip(more.log).map(|(one, other)| one + other);
    }

    /// Calls per second.
    pub fn rate(&self) -> f64 {
        self.calls as f64 / self.elapsed.as_secs_f64()
    }

    /// A percentile of the times, in microseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let last = self.times.len().saturating_sub(1);
        let at = self.times.get(last * percent / 100);
        at.map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    }

    /// Of a cost of all calls, that of one, in microseconds.
    pub fn each(&self, cost: Option<Duration>) -> f64 {
        cost.map_or(f64::NAN, |cost| {
            cost.as_secs_f64() * 1e6 / self.calls as f64
        })
    }

    /// Bytes of the database's log for each call.
    pub fn log_bytes(&self) -> f64 {
        self.log
            .map_or(f64::NAN, |bytes| bytes as f64 / self.calls as f64)
    }
}

/// A figure of each.
pub fn figures(samples: &[Sample], figure: Figure) -> Vec<f64> {
    samples.iter().map(figure).collect()
}

/// The median.
pub fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    spread(numbers)[1]
}

/// The least, the median and the greatest.
pub fn spread(numbers: impl IntoIterator<Item = f64>) -> [f64; 3] {
    let mut numbers: Vec<_> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    let at = |index: usize| numbers.get(index).copied().unwrap_or(f64::NAN);
    let last = numbers.len().saturating_sub(1);
    let median = f64::midpoint(at(last / 2), at(last.div_ceil(2)));
    [at(0), median, at(last)]
}
