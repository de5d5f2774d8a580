//! The picture: throughput and latency over concurrency, and cost over the length of histories.

use super::history;
use crate::{
    picture::{Colour, Curve, Panel, Point},
    report,
    sample::{Figure, Sample, spread},
    stage::{Load, Stage},
    subject::Subject,
    support::Outcome,
};

const CALLERS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
const LENGTHS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// Measures this database's column of the picture.
pub async fn curves(stage: &mut Stage<'_>) -> Outcome<()> {
    let mut subjects = stage.subjects().await?;
    subjects.retain(|subject| subject.name != "baseline");
    let loads = |size| CALLERS.map(|callers| Load { size, callers });
    let ones = stage.compare(&subjects, &loads(1)).await?;
    let hundreds = stage.compare(&subjects, &loads(100)).await?;
    for (size, samples) in [(1, &ones), (100, &hundreds)] {
        for (load, samples) in loads(size).iter().zip(samples) {
            let heading = format!("Curves: {}, {load}", stage.database.place.name);
            report::all_figures(&heading, &subjects, samples);
        }
    }
    let column = vec![
        throughput(stage, &subjects, &ones, &hundreds),
        latency(stage, &subjects, &hundreds),
        over_length(stage).await?,
    ];
    stage.report.pictured.push(column);
    Ok(())
}

fn throughput(
    stage: &Stage<'_>,
    subjects: &[Subject],
    ones: &[Vec<Vec<Sample>>],
    hundreds: &[Vec<Vec<Sample>>],
) -> Panel {
    let mut curves = Vec::new();
    for (index, subject) in subjects.iter().enumerate() {
        for (ids, dashed, samples) in [("100 IDs", false, hundreds), ("1 ID", true, ones)] {
            curves.push(Curve {
                name: format!("{}, {ids}", subject.name),
                colour: colour(&subject.name),
                dashed,
                points: over_callers(samples, index, Sample::rate),
            });
        }
    }
    Panel {
        title: format!("{}: requests per second", stage.database.place.name),
        across: "requests in flight",
        curves,
    }
}

/// Of requests for 100 IDs. Direct SQL on SQLite is left out: it is one caller, however many there are
/// of the others, and so nobody waits.
fn latency(stage: &Stage<'_>, subjects: &[Subject], hundreds: &[Vec<Vec<Sample>>]) -> Panel {
    let mut curves = Vec::new();
    for (index, subject) in subjects.iter().enumerate() {
        if subject.takes_turns() {
            continue;
        }
        let median = |sample: &Sample| sample.percentile(50) / 1e3;
        let slow = |sample: &Sample| sample.percentile(99) / 1e3;
        let figures: [(_, _, Figure); 2] = [("p50", false, median), ("p99", true, slow)];
        for (name, dashed, figure) in figures {
            curves.push(Curve {
                name: format!("{}, {name}", subject.name),
                colour: colour(&subject.name),
                dashed,
                points: over_callers(hundreds, index, figure),
            });
        }
    }
    Panel {
        title: format!("{}: latency of 100 IDs, ms", stage.database.place.name),
        across: "requests in flight",
        curves,
    }
}

async fn over_length(stage: &mut Stage<'_>) -> Outcome<Panel> {
    let longest = stage.arguments.scaled(10_000);
    let lengths: Vec<_> = LENGTHS
        .into_iter()
        .filter(|length| *length <= longest)
        .collect();
    let costs = history::over_length(stage, &lengths).await?;
    let curve = |name: &str, colour, subject: usize| Curve {
        name: name.to_owned(),
        colour,
        dashed: false,
        points: lengths
            .iter()
            .zip(&costs)
            .map(|(&length, costs)| Point {
                across: length as f64,
                up: spread(costs[subject].iter().copied()),
            })
            .collect(),
    };
    Ok(Panel {
        title: format!(
            "{}: deleting 100 conversations, ms",
            stage.database.place.name
        ),
        across: "messages in each conversation",
        curves: vec![
            curve("service", Colour::Blue, 0),
            curve("naive loop, direct SQL", Colour::Orange, 1),
        ],
    })
}

/// A figure of one of those that are compared.
fn over_callers(samples: &[Vec<Vec<Sample>>], subject: usize, figure: Figure) -> Vec<Point> {
    let points = CALLERS.iter().zip(samples);
    points
        .map(|(&callers, samples)| Point {
            across: callers as f64,
            up: spread(samples[subject].iter().map(figure)),
        })
        .collect()
}

fn colour(subject: &str) -> Colour {
    match subject {
        "direct SQL" => Colour::Orange,
        "no-op RPC" => Colour::Grey,
        _ => Colour::Blue,
    }
}
