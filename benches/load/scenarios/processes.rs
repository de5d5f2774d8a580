//! How soon the service is there, and how much memory it takes, as the kernel sees it. The database is the
//! seeded one, so its tables are there already, and full.

use std::time::{Duration, Instant};

use conversation_service::proto::{
    GetUnreadCountRequest, conversation_service_client::ConversationServiceClient,
};

use crate::{
    report::{self, Target},
    stage::{Load, Stage},
    subject::Subject,
    support::{Outcome, Service},
};

/// Starts in each run.
const STARTS: usize = 5;

/// Start-up on an existing database, and resident memory before and after load.
pub async fn processes(stage: &mut Stage<'_>) -> Outcome<()> {
    let (mut listening, mut answered) = (Vec::new(), Vec::new());
    let (mut idle, mut loaded) = (Vec::new(), Vec::new());
    for _ in 0..stage.arguments.runs {
        for _ in 0..STARTS {
            let begun = Instant::now();
            let service = stage.service()?;
            listening.push(begun.elapsed().as_secs_f64() * 1e3);
            ask(&service).await?;
            answered.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let service = stage.service()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        idle.push(service.resident()? as f64 / 1024.0);
        let subject = Subject::services("service", vec![service]);
        for (size, callers) in [(100, 16), (1, 64)] {
            let count = stage
                .arguments
                .scaled(2_000)
                .min(stage.supply.capacity(size));
            stage
                .measure(&subject, Load { size, callers }, count)
                .await?;
        }
        loaded.push(subject.resident()? as f64 / 1024.0);
    }
    stage.list_again().await?;
    let database = stage.database.place.name;
    report::note(&format!("\nProcess: {database}"));
    let mut row = |name: &str, target, unit, numbers| {
        let name = format!("{database}: {name}");
        stage
            .report
            .row(&name, Target::AtMost(target), unit, numbers);
    };
    row("start until it listens", 30.0, " ms", listening);
    row("start until its first answer", 30.0, " ms", answered);
    row("resident memory, idle", 16.0, " MiB", idle);
    row("resident memory, after load", 32.0, " MiB", loaded);
    Ok(())
}

async fn ask(service: &Service) -> Outcome<()> {
    let request = GetUnreadCountRequest {
        user_id: "nobody".to_owned(),
        filter: None,
    };
    let mut client = ConversationServiceClient::new(service.connect().await?);
    client.get_unread_count(request).await?;
    Ok(())
}
