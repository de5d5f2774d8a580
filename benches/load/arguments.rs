//! The command line.

use std::{env, time::Duration};

use crate::{people::Likeness, stage::Load, support::Outcome};

/// The scenarios that can be asked for by name; `all` is every one of them but `mix`.
pub const SCENARIOS: [&str; 13] = [
    "headline", "sqlite", "idle", "history", "naive", "wal", "process", "groups", "messages",
    "calls", "replicas", "curves", "mix",
];

/// The measurements to make, and how much data to make them on.
#[derive(Debug, Clone)]
pub struct Arguments {
    pub scenarios: Vec<String>,
    pub users: usize,
    /// Of each user, or of the median one.
    pub conversations: usize,
    pub likeness: Likeness,
    /// In each conversation.
    pub messages: usize,
    /// Interleaved runs of what is compared.
    pub runs: usize,
    /// How long one measurement of the service takes, about.
    pub duration: Duration,
    /// Divides the histories, groups and repetitions that the scenarios measure on.
    pub scale: usize,
    /// Measured by `headline` and `sqlite` in place of their own.
    pub load: Option<Load>,
    pub in_flight: usize,
    /// Calls per second of an open loop; 0 for a closed one.
    pub rate: usize,
    pub mix: String,
    /// Another build of the program, which takes its turns beside this one.
    pub baseline: Option<String>,
    pub svg: String,
    /// Only databases whose name contains this.
    pub database: String,
}

impl Arguments {
    /// Reads the process's own.
    pub fn read() -> Outcome<Self> {
        let words: Vec<String> = env::args().skip(1).collect();
        let quick = words.iter().any(|word| word == "--quick");
        let mut arguments = Self {
            scenarios: Vec::new(),
            users: if quick { 1_000 } else { 10_000 },
            conversations: 200,
            likeness: Likeness::Alike,
            messages: 1,
            runs: 5,
            duration: Duration::from_millis(if quick { 500 } else { 3_000 }),
            scale: if quick { 10 } else { 1 },
            load: None,
            in_flight: 16,
            rate: 0,
            mix: "delete=2,delete100=1,clear=1,list=5,unread=5,send=10,read=4,pin=1,mark=1"
                .to_owned(),
            baseline: None,
            svg: "target/load.svg".to_owned(),
            database: String::new(),
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                // The arguments that Cargo itself passes.
                "--bench" | "--quick" => {}
                "--users" => arguments.users = value()?.parse()?,
                "--conversations" => arguments.conversations = value()?.parse()?,
                "--spread" => arguments.likeness = Likeness::Spread,
                "--messages" => arguments.messages = value()?.parse()?,
                "--runs" => arguments.runs = value()?.parse()?,
                "--seconds" => arguments.duration = Duration::try_from_secs_f64(value()?.parse()?)?,
                "--scale" => arguments.scale = value()?.parse()?,
                "--load" => arguments.load = Some(value()?.parse()?),
                "--in-flight" => arguments.in_flight = value()?.parse()?,
                "--rate" => arguments.rate = value()?.parse()?,
                "--mix" => arguments.mix = value()?,
                "--baseline" => arguments.baseline = Some(value()?),
                "--svg" => arguments.svg = value()?,
                "--database" => arguments.database = value()?.to_lowercase(),
                "all" => {
                    let but_mix = SCENARIOS.iter().filter(|name| **name != "mix");
                    arguments.scenarios.extend(but_mix.map(ToString::to_string));
                }
                name if SCENARIOS.contains(&name) => arguments.scenarios.push(word),
                _ => {
                    let names = SCENARIOS.join(", ");
                    return Err(format!("{word} is none of all, {names} and no flag").into());
                }
            }
        }
        if arguments.scenarios.is_empty() {
            arguments.scenarios.push("headline".to_owned());
        }
        if arguments.conversations < 100 || arguments.users <= arguments.conversations {
            return Err("there must be 100 conversations, and more users than those".into());
        }
        let is_calls = |name: &String| name == "calls";
        if arguments.likeness == Likeness::Spread && !arguments.scenarios.iter().all(is_calls) {
            return Err(
                "the users can differ in calls alone: the others delete equal parts".into(),
            );
        }
        if arguments.runs == 0 || arguments.in_flight == 0 || arguments.messages == 0 {
            return Err("runs, calls in flight and messages cannot be 0".into());
        }
        Ok(arguments)
    }

    /// A size of the full measurement, as far as this one goes.
    pub fn scaled(&self, full: usize) -> usize {
        (full / self.scale.max(1)).max(1)
    }
}
