//! Deletions against the floors: with many callers and with one, and what they write.
//!
//! All make the same number of calls of the same kind on the same tables, in turns, with a request ID
//! each, and every call deletes conversations that are listed. Which conversations these are differs:
//! what one has deleted the next one cannot delete.

use crate::{
    people::MOST,
    report::{self, Target},
    sample::{Sample, figures},
    stage::{Load, Stage},
    subject::Subject,
    support::Outcome,
};

fn p50(sample: &Sample) -> f64 {
    sample.percentile(50)
}

/// PostgreSQL under load.
pub async fn headline(stage: &mut Stage<'_>) -> Outcome<()> {
    let load = |size, callers| Load { size, callers };
    let targets = [
        (load(MOST, 16), 0.9),
        (load(1, 16), 0.7),
        (load(1, 64), 1.5),
    ];
    against_direct(stage, &targets).await
}

/// SQLite under load.
pub async fn sqlite(stage: &mut Stage<'_>) -> Outcome<()> {
    let targets = [1, MOST].map(|size| (Load { size, callers: 16 }, 0.8));
    against_direct(stage, &targets).await
}

/// Measures these loads, or the one that the arguments ask for. With each, what part of the calls of
/// direct SQL the service has to make.
async fn against_direct(stage: &mut Stage<'_>, targets: &[(Load, f64)]) -> Outcome<()> {
    let mut subjects = stage.subjects().await?;
    subjects.extend(stage.bare_server()?);
    let loads = match stage.arguments.load {
        Some(load) => vec![load],
        None => targets.iter().map(|(load, _)| *load).collect(),
    };
    let samples = stage.compare(&subjects, &loads).await?;
    let database = stage.database.place.name;
    for (load, samples) in loads.iter().zip(&samples) {
        let target = targets.iter().find(|(known, _)| known == load);
        let target = target.map_or(Target::None, |(_, target)| Target::AtLeast(*target));
        let what = format!("{database}, {load}");
        report::all_figures(&format!("Deleting: {what}"), &subjects, samples);
        for (over, under, target) in [
            ("service", "direct SQL", target),
            ("service", "baseline", Target::None),
            ("service", "bare server", Target::None),
            ("service", "no-op RPC", Target::None),
            ("bare server", "direct SQL", Target::None),
        ] {
            if let [Some(first), Some(second)] =
                [over, under].map(|name| rates(&subjects, samples, name))
            {
                let name = format!("{what}: calls/s, {over} / {under}");
                stage.report.ratio(&name, target, &first, &second);
            }
        }
        if stage.database.is_postgres() && load.size == MOST {
            for (name, target) in [
                ("service", Target::AtMost(200.0)),
                ("bare server", Target::None),
                ("no-op RPC", Target::None),
            ] {
                let samples = of(&subjects, samples, name).unwrap_or_default();
                let cpu = samples.iter().map(|sample| sample.each(sample.service));
                let name = format!("{what}: CPU of the {name} per call");
                stage.report.row(&name, target, " us", cpu);
            }
        }
    }
    Ok(())
}

/// The samples of the subject of this name.
fn of<'a>(subjects: &[Subject], samples: &'a [Vec<Sample>], name: &str) -> Option<&'a [Sample]> {
    let index = subjects.iter().position(|subject| subject.name == name)?;
    Some(&samples[index])
}

fn rates(subjects: &[Subject], samples: &[Vec<Sample>], name: &str) -> Option<Vec<f64>> {
    of(subjects, samples, name).map(|samples| figures(samples, Sample::rate))
}

/// One caller: the latency when idle, and what a hundred cost against one.
pub async fn idle(stage: &mut Stage<'_>) -> Outcome<()> {
    let subjects = stage.subjects().await?;
    let loads = [1, MOST].map(|size| Load { size, callers: 1 });
    let samples = stage.compare(&subjects, &loads).await?;
    let database = stage.database.place.name;
    for (load, samples) in loads.iter().zip(&samples) {
        let what = format!("{database}, {load}");
        report::all_figures(&format!("Deleting: {what}"), &subjects, samples);
        let latencies = |index: usize| figures(&samples[index], p50);
        for (index, subject) in subjects.iter().enumerate().skip(1) {
            let target = match subject.name.as_str() {
                "baseline" => Target::AtMost(1.1),
                _ => Target::None,
            };
            let name = format!("{what}: p50, service / {}", subject.name);
            stage
                .report
                .ratio(&name, target, &latencies(0), &latencies(index));
        }
    }
    for (index, subject) in subjects.iter().enumerate() {
        let target = match index {
            0 => Target::AtMost(4.0),
            _ => Target::None,
        };
        let name = format!(
            "{database}, one caller: p50, 100 IDs / 1 ID, {}",
            subject.name
        );
        let [one, hundred] = [0, 1].map(|load| figures(&samples[load][index], p50));
        stage.report.ratio(&name, target, &hundred, &one);
    }
    Ok(())
}

/// The bytes that a deletion adds to PostgreSQL's log: the first time after a checkpoint, when whole pages
/// are logged, and after that.
pub async fn log(stage: &mut Stage<'_>) -> Outcome<()> {
    let service = Subject::services("service", vec![stage.service()?]);
    let count = stage.arguments.scaled(500);
    for size in [1, MOST] {
        let load = Load { size, callers: 1 };
        let mut steady = Vec::new();
        let mut first = Vec::new();
        for _ in 0..stage.arguments.runs {
            // After this checkpoint the next calls are the first to touch their pages, and those after
            // the reset touch the same ones again.
            stage.list_again().await?;
            stage.database.settle().await?;
            first.push(stage.measure(&service, load, count).await?);
            stage.database.reset(&stage.supply.people.name).await?;
            stage.supply.reset();
            steady.push(stage.measure(&service, load, count).await?);
        }
        stage.list_again().await?;
        let what = format!("PostgreSQL, {load}");
        report::heading(&format!("Log of deleting: {what}"));
        report::figures("after a checkpoint", &first);
        report::figures("steady", &steady);
        let target = match size {
            1 => Target::None,
            _ => Target::AtMost(16.0),
        };
        let bytes = steady.iter().map(|sample| sample.log_bytes() / 1024.0);
        let name = format!("{what}: WAL per call, steady");
        stage.report.row(&name, target, " KiB", bytes);
    }
    Ok(())
}
