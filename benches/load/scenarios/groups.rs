//! The cost of a message to a group, by the size of the group. The senders are as many, and messages to
//! either group take turns.

use std::{sync::Arc, time::Instant};

use conversation_service::proto::{
    AddGroupMembersRequest, group_service_client::GroupServiceClient,
};

use crate::{
    drive,
    people::{group, sending},
    report::{self, Target},
    sample::median,
    stage::Stage,
    subject::rpc,
    support::{Outcome, Service},
    wire::Connections,
};

/// Messages to each group in each run.
const MESSAGES: usize = 300;

/// Makes a group of so many members, whose name is their number.
pub async fn found(service: &Service, size: usize) -> Outcome<()> {
    let members: Vec<_> = (0..size).map(member).collect();
    let mut client = GroupServiceClient::new(service.connect().await?);
    for members in members.chunks(100) {
        let request = AddGroupMembersRequest {
            group_id: size.to_string(),
            user_ids: members.to_vec(),
            request_id: String::new(),
        };
        client.add_group_members(request).await?;
    }
    Ok(())
}

/// The name of a member.
pub fn member(number: usize) -> String {
    format!("member {number}")
}

/// Messages to a group of few members and to one of many, from a member, in turns.
pub async fn groups(stage: &mut Stage<'_>) -> Outcome<()> {
    let service = stage.service()?;
    let sizes = [10, stage.arguments.scaled(10_000)];
    for size in sizes {
        found(&service, size).await?;
    }
    stage.database.settle().await?;
    let connections = Connections::open(&[&service], 1).await?;
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..stage.arguments.runs {
        let send = async |index: usize, number: usize| {
            let to = group(&sizes[index].to_string());
            let name = rand::random::<u128>().to_string();
            let message = sending(&member(number % sizes[0]), to, &name);
            let call = rpc(connections.clone(), Arc::new(vec![message]));
            let begun = Instant::now();
            call(0, 0).await?;
            Ok(begun.elapsed())
        };
        let [to_few, to_many] = drive::in_turns(MESSAGES, send).await?;
        few.push(to_few);
        many.push(to_many);
    }
    let database = stage.database.place.name;
    report::note(&format!(
        "\nGroups: {database}, one caller: a message to 10 members {:.2} ms, to {} members {:.2} ms",
        median(few.iter().copied()),
        sizes[1],
        median(many.iter().copied())
    ));
    stage.report.ratio(
        &format!(
            "{database}: p50, a message to a group of {} / of 10",
            sizes[1]
        ),
        Target::AtMost(1.1),
        &many,
        &few,
    );
    Ok(())
}
