//! Metrics of the process that the operating system keeps, under the names that Prometheus' own clients use.
//!
//! All of it is read from `/proc` whenever somebody reads the metrics. Where there is none, as on systems
//! other than Linux, there are none of these metrics.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

/// The unit of times in `/proc`. It is part of Linux' interface, so it does not depend on the kernel's own.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug)]
struct Process;

/// The metrics of the process.
#[derive(Debug, PartialEq)]
struct Usage {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    threads: u64,
    open_files: u64,
    most_files: u64,
    /// Since the Unix epoch.
    started_seconds: f64,
}

pub(super) fn register(registry: &mut Registry) {
    if Usage::read().is_some() {
        registry.register_collector(Box::new(Process));
    }
}

impl Usage {
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is a name in parentheses that may hold anything. The first after it is the third.
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let ticks =
            |field: usize| Some(fields.get(field - 3)?.parse::<f64>().ok()? / TICKS_PER_SECOND);
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let limits = fs::read_to_string("/proc/self/limits").ok()?;
        let system = fs::read_to_string("/proc/stat").ok()?;
        let booted: f64 = after(&system, "btime")?.parse().ok()?;
        let files = fs::read_dir("/proc/self/fd").ok()?.count();
        Some(Self {
            cpu_seconds: ticks(14)? + ticks(15)?,
            resident_bytes: 1024 * after(&status, "VmRSS:")?.parse::<u64>().ok()?,
            virtual_bytes: 1024 * after(&status, "VmSize:")?.parse::<u64>().ok()?,
            threads: after(&status, "Threads:")?.parse().ok()?,
            // One of them is the directory that was read.
            open_files: u64::try_from(files).ok()?.saturating_sub(1),
            most_files: match after(&limits, "Max open files")? {
                "unlimited" => u64::MAX,
                number => number.parse().ok()?,
            },
            started_seconds: booted + ticks(22)?,
        })
    }
}

/// The word after `name` at the beginning of a line.
fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(usage) = Usage::read() else {
            return Ok(());
        };
        let cpu = ConstCounter::new(usage.cpu_seconds);
        cpu.encode(encoder.encode_descriptor(
            "process_cpu_seconds",
            "Time that the process has spent on processors; like its other metrics on Linux only.",
            None,
            cpu.metric_type(),
        )?)?;
        let started = ConstGauge::new(usage.started_seconds);
        started.encode(encoder.encode_descriptor(
            "process_start_time_seconds",
            "When the process started, since the Unix epoch.",
            None,
            started.metric_type(),
        )?)?;
        for (name, help, value) in [
            (
                "process_resident_memory_bytes",
                "Memory of the process that is in RAM.",
                usage.resident_bytes,
            ),
            (
                "process_virtual_memory_bytes",
                "Memory that the process has asked for.",
                usage.virtual_bytes,
            ),
            ("process_threads", "Threads of the process.", usage.threads),
            (
                "process_open_fds",
                "File descriptors that are open.",
                usage.open_files,
            ),
            (
                "process_max_fds",
                "The most file descriptors that may be open.",
                usage.most_files,
            ),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_process_uses_what_a_process_uses() {
        let usage = Usage::read().expect("Linux says it");
        assert!(usage.resident_bytes > 100_000 && usage.resident_bytes <= usage.virtual_bytes);
        assert!(usage.threads >= 1 && usage.open_files >= 3 && usage.open_files < usage.most_files);
        // After 2020 and before 2200.
        assert!(
            (1.58e9..7.3e9).contains(&usage.started_seconds),
            "{usage:?}"
        );
    }
}
