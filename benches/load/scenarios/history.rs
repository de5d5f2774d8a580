//! Whether the history behind a conversation matters, and what it costs a service that deletes messages.
//!
//! The service deletes with default settings, history and all, over the network. The naive loop is
//! favoured: it runs beside the service, without a network, a request ID or a log of changes, in one
//! transaction and by keys. The changes of either are undone before its next turn, uncounted.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use crate::{
    database::Database,
    drive,
    people::Call,
    report::{self, Target},
    sample::median,
    stage::Stage,
    subject::rpc,
    support::{Outcome, percentile},
    wire::Connections,
};

/// Deletions of a batch in each run.
const DELETIONS: usize = 40;
/// The same where two batches are expected to cost the same, so that chance does not decide which is
/// dearer.
const PAIRS: usize = 200;

/// A user with conversations of this length, and the call that deletes them all.
pub struct Batch {
    name: String,
    others: Vec<String>,
    messages: usize,
    deletion: Call,
}

impl Batch {
    pub async fn seed(
        database: &Database,
        name: &str,
        conversations: usize,
        messages: usize,
    ) -> Outcome<Self> {
        let reader = format!("{name}-reader");
        let others: Vec<_> = (0..conversations)
            .map(|number| format!("{name}-friend-{number}"))
            .collect();
        let pairs: Vec<_> = others
            .iter()
            .map(|other| (reader.clone(), other.clone()))
            .collect();
        database.seed(name, &pairs, messages).await?;
        Ok(Self {
            name: name.to_owned(),
            deletion: Call::deletion(reader, &others)?,
            others,
            messages,
        })
    }

    /// Has the service delete the batch; it is listed again afterwards, which is not counted.
    pub async fn delete(
        &self,
        database: &Database,
        connections: &Connections,
    ) -> Outcome<Duration> {
        // Another request ID each time.
        let call = Call::deletion(self.deletion.user.clone(), &self.others)?;
        let call = rpc(connections.clone(), Arc::new(vec![call]));
        let begun = Instant::now();
        call(0, 0).await?;
        let took = begun.elapsed();
        database.reset(&self.name).await?;
        Ok(took)
    }

    /// The median of some deletions by the service, in milliseconds.
    async fn deletions(&self, database: &Database, connections: &Connections) -> Outcome<f64> {
        let mut times = Vec::new();
        for _ in 0..DELETIONS {
            times.push(self.delete(database, connections).await?);
        }
        Ok(percentile(&mut times, 50))
    }

    /// Deletes the batch, messages and all, as is done elsewhere: a select, an update and a deletion of
    /// message rows for each conversation; all in one transaction, which is the fastest way to do it.
    /// Everything is put back afterwards, which is not counted. In milliseconds.
    async fn naive(&self, database: &Database) -> Outcome<f64> {
        let user = &self.deletion.user;
        let begun = Instant::now();
        let transaction = database.control.begin().await?;
        for key in &self.deletion.keys {
            let key = || sea_orm::Value::from(key.as_bytes().to_vec());
            let head = database.statement(
                "SELECT last_seq FROM conversations WHERE conversation_key = $1",
                [key()],
            );
            let head = transaction.query_one_raw(head).await?.ok_or("no head")?;
            let head: i64 = head.try_get("", "last_seq")?;
            let hide = database.statement(
                "UPDATE members SET hidden_through = $3, cleared_through = $3 \
                 WHERE user_id = $1 AND conversation_key = $2",
                [user.as_str().into(), key(), head.into()],
            );
            transaction.execute_raw(hide).await?;
            let erase = database.statement(
                "DELETE FROM messages WHERE conversation_key = $1 AND seq <= $2",
                [key(), head.into()],
            );
            let erased = transaction.execute_raw(erase).await?.rows_affected();
            if erased != self.messages as u64 {
                return Err(format!("{erased} messages were deleted").into());
            }
        }
        transaction.commit().await?;
        let took = begun.elapsed();
        database.reset(&self.name).await?;
        database
            .write_messages(&self.name, i64::try_from(self.messages)?)
            .await?;
        database.settle().await?;
        Ok(took.as_secs_f64() * 1e3)
    }
}

/// A batch of long histories against one of the shortest that there are.
pub async fn history(stage: &mut Stage<'_>) -> Outcome<()> {
    let service = stage.service()?;
    let connections = Connections::open(&[&service], 1).await?;
    let long = stage.arguments.scaled(10_000);
    let database = &stage.database;
    let batches = [
        Batch::seed(database, "short", 100, 1).await?,
        Batch::seed(database, "long", 100, long).await?,
    ];
    let (mut short_times, mut long_times) = (Vec::new(), Vec::new());
    for _ in 0..stage.arguments.runs {
        let delete = async |batch: usize, _| batches[batch].delete(database, &connections).await;
        let [short_time, long_time] = drive::in_turns(PAIRS, delete).await?;
        short_times.push(short_time);
        long_times.push(long_time);
        database.settle().await?;
    }
    let name = database.place.name;
    report::note(&format!(
        "\nHistory: {name}, one caller: 100 conversations of 1 message {:.2} ms, of {long} messages {:.2} ms",
        median(short_times.iter().copied()),
        median(long_times.iter().copied())
    ));
    stage.report.ratio(
        &format!("{name}: p50, {} / 100 messages behind 100 IDs", 100 * long),
        Target::AtMost(1.05),
        &long_times,
        &short_times,
    );
    Ok(())
}

/// The service against the naive loop.
pub async fn naive(stage: &mut Stage<'_>) -> Outcome<()> {
    let service = stage.service()?;
    let connections = Connections::open(&[&service], 1).await?;
    for (conversations, full, target) in [(100, 1_000, 50.0), (10, 100_000, 500.0)] {
        let messages = stage.arguments.scaled(full);
        let database = &stage.database;
        let name = format!("naive{conversations}");
        let batch = Batch::seed(database, &name, conversations, messages).await?;
        let mut ratios = Vec::new();
        let mut times = Vec::new();
        for _ in 0..stage.arguments.runs {
            let ours = batch.deletions(database, &connections).await?;
            let naive = batch.naive(database).await?;
            ratios.push(naive / ours);
            times.push((ours, naive));
        }
        let name = database.place.name;
        report::note(&format!(
            "\nNaive: {name}, one caller, {conversations} conversations x {messages} messages: service {:.2} ms, \
             loop {:.0} ms",
            median(times.iter().map(|(ours, _)| *ours)),
            median(times.iter().map(|(_, naive)| *naive))
        ));
        let target = match stage.arguments.scale {
            1 => Target::AtLeast(target),
            _ => Target::None,
        };
        stage.report.row(
            &format!("{name}: naive loop / service, {conversations} IDs x {messages} messages"),
            target,
            "",
            ratios,
        );
    }
    Ok(())
}

/// The cost of 100 conversations of each of these lengths, run by run, in milliseconds: of the service,
/// and of the naive loop.
pub async fn over_length(stage: &mut Stage<'_>, lengths: &[usize]) -> Outcome<Vec<[Vec<f64>; 2]>> {
    let service = stage.service()?;
    let connections = Connections::open(&[&service], 1).await?;
    let mut batches = Vec::new();
    for &length in lengths {
        let name = format!("length{length}");
        batches.push(Batch::seed(&stage.database, &name, 100, length).await?);
    }
    let mut costs = vec![[Vec::new(), Vec::new()]; lengths.len()];
    for _ in 0..stage.arguments.runs {
        for (batch, [ours, naive]) in batches.iter().zip(&mut costs) {
            ours.push(batch.deletions(&stage.database, &connections).await?);
            naive.push(batch.naive(&stage.database).await?);
        }
    }
    Ok(costs)
}
