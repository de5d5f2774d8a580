//! Two replicas on one PostgreSQL against one, with as many callers and calls. Where all share a machine
//! that is busy already, two cannot do more: it is seen whether they get into each other's way.

use crate::{
    report::{self, Target},
    sample::{Sample, figures},
    stage::{Load, Stage},
    subject::Subject,
    support::Outcome,
};

/// The same callers, on one service and on two.
pub async fn replicas(stage: &mut Stage<'_>) -> Outcome<()> {
    let subjects = [
        Subject::services("one replica", vec![stage.service()?]),
        Subject::services("two replicas", vec![stage.service()?, stage.service()?]),
    ];
    let loads = [1, 100].map(|size| Load { size, callers: 16 });
    let samples = stage.compare(&subjects, &loads).await?;
    for (load, samples) in loads.iter().zip(&samples) {
        let what = format!("PostgreSQL, {load}");
        report::all_figures(&format!("Replicas: {what}"), &subjects, samples);
        stage.report.ratio(
            &format!("{what}: calls/s, two replicas / one"),
            Target::AtLeast(1.0),
            &figures(&samples[1], Sample::rate),
            &figures(&samples[0], Sample::rate),
        );
    }
    Ok(())
}
