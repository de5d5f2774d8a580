//! The other users: they write to the user, and join and leave the user's groups.

use std::sync::Arc;

use conversation_service::proto::{ConversationId, conversation_id::Id};

use super::{USER, World};
use crate::support::{
    client::Client,
    dice::Dice,
    ids::{c2c, group, system},
};

const CHATS: usize = 100;
/// Groups that begin with few members, and become large one after the other.
const CREWS: usize = 40;
/// Groups that are large from the beginning.
const CLUBS: usize = 19;
const MEMBERS_OF_CREW: usize = 6;
const MEMBERS_OF_CLUB: usize = 12;
/// How many changes the user makes until the next crew becomes large.
const CHANGES_BETWEEN: u64 = 12;

fn other(number: usize) -> String {
    format!("other {:02}", number % CHATS)
}

fn crew(number: usize) -> String {
    format!("crew {number}")
}

fn members(group: usize, count: usize) -> Vec<String> {
    let others = (1..count).map(|member| other(group * 7 + member));
    [USER.to_owned()].into_iter().chain(others).collect()
}

/// All the conversations of the user.
pub(super) fn everything() -> Vec<ConversationId> {
    let chats = (0..CHATS).map(|number| c2c(other(number)));
    let crews = (0..CREWS).map(|number| group(crew(number)));
    let clubs = (0..CLUBS).map(|number| group(format!("club {number}")));
    chats.chain(crews).chain(clubs).chain([system()]).collect()
}

/// Makes the groups, with their first members.
pub(super) async fn found_groups(client: &Client) {
    let crews = (0..CREWS).map(|number| (crew(number), members(number, MEMBERS_OF_CREW)));
    let clubs =
        (0..CLUBS).map(|number| (format!("club {number}"), members(number, MEMBERS_OF_CLUB)));
    for (name, members) in crews.chain(clubs) {
        let members: Vec<_> = members.iter().map(String::as_str).collect();
        client.join(&name, &members).await;
    }
}

/// Writes to the user. In a group it is somebody who never leaves.
pub(super) async fn write_to(world: &World, client: &Client, id: &ConversationId) {
    let message = match id.id.as_ref().expect("an ID") {
        Id::C2cUserId(friend) => client.send(friend, c2c(USER), "hi").await,
        Id::GroupId(name) => {
            let number = name
                .split(' ')
                .nth(1)
                .and_then(|number| number.parse().ok());
            let sender = &members(number.expect("a number"), 2)[1];
            client.send(sender, id.clone(), "hi").await
        }
        Id::System(_) => client.send_system(&[USER], "hi").await.remove(0),
        Id::Text(_) => unreachable!("answers have typed IDs"),
    };
    world.has_sent(id, message);
}

/// Writes to the user until the clients have done their work.
pub(super) async fn keep_writing(world: Arc<World>, replica: usize, mut dice: Dice) {
    while !world.over.is_cancelled() {
        let id = dice.one_of(&world.everything).clone();
        write_to(&world, &world.replicas[replica], &id).await;
    }
}

/// Makes crews large by and by, and smaller again.
pub(super) async fn come_and_go(world: Arc<World>) {
    let mut known = world.made.subscribe();
    for number in 0..CREWS {
        let newcomers: Vec<_> = (0..5)
            .map(|member| other(number * 7 + MEMBERS_OF_CREW + member))
            .collect();
        let newcomers: Vec<_> = newcomers.iter().map(String::as_str).collect();
        let client = &world.replicas[number % 2];
        client.join(&crew(number), &newcomers[..2]).await;
        let due = CHANGES_BETWEEN * (number as u64 + 1);
        tokio::select! {
            known = known.wait_for(|known| *known >= due) => drop(known.expect("the world goes on")),
            () = world.over.cancelled() => {}
        }
        // The ninth member, while messages are under way.
        client.join(&crew(number), &newcomers).await;
        client.leave(&crew(number), &newcomers[1..4]).await;
    }
}
