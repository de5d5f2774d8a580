//! The kernel's data on processes and on the machine.

use std::{fs, time::Duration};

use crate::support::Outcome;

/// Clock ticks per second in `/proc`: the same on every Linux that this runs on.
const TICKS: u64 = 100;

/// The CPU time that a process has used so far, or `None` if it cannot be looked at.
pub fn cpu(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in parentheses, may hold anything.
    let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Duration::from_millis(
        (ticks(11)? + ticks(12)?) * 1000 / TICKS,
    ))
}

/// How many cores there are.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// The model of the processor.
pub fn model() -> Outcome<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = line.and_then(|line| line.split_once(": "));
    Ok(model.map_or("unknown", |(_, model)| model).to_owned())
}
