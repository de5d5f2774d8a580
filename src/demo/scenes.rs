//! The story: Alice, Bob and Carol talk, and Alice tidies up her list.
//!
//! Each scene says what a person wants, makes the calls, and prints the answers.

use std::{io::Write, net::SocketAddr};

use tonic::Status;

use super::{
    DemoError, page,
    service::{Service, c2c, group},
};
use crate::{
    config::Config,
    proto::{
        ConversationId, DeleteConversationsRequest, DeleteConversationsResponse,
        DeleteMatchingConversationsRequest, RestoreConversationsRequest, SeenThrough, Selector,
    },
};

const ALICE: &str = "alice";
const BOB: &str = "bob";
const CAROL: &str = "carol";
const HIKE: &str = "hike";

/// Any UUID will do.
const REQUEST_ID: &str = "5f0c6a0e-8d6b-4b8e-9c55-0d7f0a3f7a11";

pub(super) async fn play(
    service: &mut Service,
    address: SocketAddr,
    out: &mut impl Write,
) -> Result<(), DemoError> {
    writeln!(
        out,
        "A real server on {address} gives these answers; its database is thrown away.\n\
         C2Cbob is a one-to-one chat with bob, GROUPhike the chat of the group hike."
    )?;
    people_talk(service, out).await?;
    out_of_the_way(service, out).await?;
    back_with_everything(service, out).await?;
    let (request, answer) = gone_with_its_history(service, out).await?;
    back_with_what_is_new(service, out).await?;
    asked_again(service, out, &request, &answer).await?;
    only_what_was_seen(service, out).await?;
    taken_back(service, out).await?;
    looked_at_first(service, out).await?;
    refused(service, out).await?;
    what_next(out)
}

async fn people_talk(service: &mut Service, out: &mut impl Write) -> Result<(), DemoError> {
    heading(out, "1. People talk")?;
    service.found_group(HIKE, &[ALICE, BOB, CAROL]).await?;
    for (sender, to, text) in [
        (BOB, c2c(ALICE), "Are you coming on Saturday?"),
        (ALICE, c2c(BOB), "If it stays dry."),
        (BOB, c2c(ALICE), "I'll bring the map."),
        (CAROL, c2c(ALICE), "Will you send me the photos?"),
        (CAROL, group(HIKE), "There is a train at 8:10."),
        (BOB, group(HIKE), "See you on platform 4."),
    ] {
        let message = service.send(sender, to, text).await?;
        write!(out, "{}", page::sent(&message))?;
    }
    show_list(service, out, ALICE).await
}

async fn out_of_the_way(service: &mut Service, out: &mut impl Write) -> Result<(), DemoError> {
    heading(
        out,
        "2. Alice wants Bob's chat out of her list, but readable; Bob notices nothing",
    )?;
    let request = DeleteConversationsRequest {
        clear_history: Some(false),
        ..deletion_of([c2c(BOB)])
    };
    delete(service, out, &request).await?;
    show_list(service, out, ALICE).await?;
    show_readable(service, out, ALICE, &c2c(BOB)).await?;
    show_list(service, out, BOB).await
}

async fn back_with_everything(
    service: &mut Service,
    out: &mut impl Write,
) -> Result<(), DemoError> {
    heading(out, "3. Bob writes, and the chat is back, all of it")?;
    send(service, out, BOB, c2c(ALICE), "Sunday would be drier.").await?;
    show_list(service, out, ALICE).await?;
    show_readable(service, out, ALICE, &c2c(BOB)).await
}

/// Returns what was asked and answered, to ask again later.
async fn gone_with_its_history(
    service: &mut Service,
    out: &mut impl Write,
) -> Result<(DeleteConversationsRequest, DeleteConversationsResponse), DemoError> {
    heading(
        out,
        "4. Alice wants two chats gone, history and all, which is the default",
    )?;
    let request = DeleteConversationsRequest {
        request_id: REQUEST_ID.to_owned(),
        ..deletion_of([group(HIKE), c2c(BOB)])
    };
    let answer = delete(service, out, &request).await?;
    show_list(service, out, ALICE).await?;
    show_readable(service, out, ALICE, &c2c(BOB)).await?;
    show_readable(service, out, BOB, &c2c(ALICE)).await?;
    Ok((request, answer))
}

async fn back_with_what_is_new(
    service: &mut Service,
    out: &mut impl Write,
) -> Result<(), DemoError> {
    heading(out, "5. Bob writes, and the chat begins anew for Alice")?;
    send(service, out, BOB, c2c(ALICE), "Sunday it is, then?").await?;
    show_list(service, out, ALICE).await?;
    show_readable(service, out, ALICE, &c2c(BOB)).await
}

async fn asked_again(
    service: &mut Service,
    out: &mut impl Write,
    request: &DeleteConversationsRequest,
    first: &DeleteConversationsResponse,
) -> Result<(), DemoError> {
    heading(
        out,
        "6. Alice's phone never got the answer of 4, and sends the same request again",
    )?;
    let answer = delete(service, out, request).await?;
    let same = if answer == *first { "yes" } else { "no" };
    writeln!(
        out,
        "   The same answer as in 4: {same}. What came in between:"
    )?;
    show_list(service, out, ALICE).await
}

async fn only_what_was_seen(service: &mut Service, out: &mut impl Write) -> Result<(), DemoError> {
    heading(
        out,
        "7. Carol writes just before Alice deletes their chat; Alice has not seen it yet",
    )?;
    let shown = service.list(ALICE).await?.conversations;
    let seen_through = shown
        .into_iter()
        .filter(|shown| shown.conversation_id == Some(c2c(CAROL)))
        .map(|shown| SeenThrough {
            conversation_id: shown.conversation_id,
            seq: shown.last_seq,
        })
        .collect();
    send(service, out, CAROL, c2c(ALICE), "And who books the train?").await?;
    let request = DeleteConversationsRequest {
        seen_through,
        ..deletion_of([c2c(CAROL)])
    };
    delete(service, out, &request).await?;
    show_list(service, out, ALICE).await
}

async fn taken_back(service: &mut Service, out: &mut impl Write) -> Result<(), DemoError> {
    heading(out, "8. A slip of the thumb, and Alice takes it back")?;
    let slip = delete(service, out, &deletion_of([c2c(BOB)])).await?;
    let request = RestoreConversationsRequest {
        user_id: ALICE.to_owned(),
        deletion_id: slip.deletion_id,
        ..RestoreConversationsRequest::default()
    };
    write!(out, "{}", page::asked_back(&request))?;
    let answer = service.restore(&request).await?;
    write!(out, "{}", page::restored(&answer))?;
    show_list(service, out, ALICE).await?;
    show_readable(service, out, ALICE, &c2c(BOB)).await
}

async fn looked_at_first(service: &mut Service, out: &mut impl Write) -> Result<(), DemoError> {
    heading(
        out,
        "9. Alice empties her list: she looks first, and what has changed since stays",
    )?;
    let look = DeleteMatchingConversationsRequest {
        user_id: ALICE.to_owned(),
        selector: Some(Selector {
            all: true,
            include_unread: true,
            ..Selector::default()
        }),
        dry_run: true,
        ..DeleteMatchingConversationsRequest::default()
    };
    let plan = delete_matching(service, out, &look).await?;
    send(service, out, CAROL, c2c(ALICE), "I have booked it.").await?;
    let deletion = DeleteMatchingConversationsRequest {
        dry_run: false,
        plan,
        ..look
    };
    delete_matching(service, out, &deletion).await?;
    show_list(service, out, ALICE).await
}

async fn refused(service: &mut Service, out: &mut impl Write) -> Result<(), DemoError> {
    heading(
        out,
        "10. A request with mistakes changes nothing, and every mistake is named",
    )?;
    let before = service.list(ALICE).await?.revision;
    let request = deletion_of([c2c(CAROL), group(""), c2c(CAROL)]);
    write!(out, "{}", page::asked(&request))?;
    let Err(status) = service.delete(&request).await else {
        return Err(Status::internal("it accepted a request with mistakes").into());
    };
    write!(out, "{}", page::refused(&status))?;
    let after = service.list(ALICE).await?.revision;
    writeln!(out, "   {ALICE}'s revision: {before} before, {after} after")?;
    Ok(())
}

fn what_next(out: &mut impl Write) -> Result<(), DemoError> {
    heading(out, "Your turn")?;
    let address = Config::default().listen;
    writeln!(
        out,
        "   cargo run                                serves, with a SQLite database\n   \
         grpcurl -plaintext {address} list  asks what it offers\n   \
         README.md and docs/guide.md              a first session, call by call"
    )?;
    Ok(())
}

/// Alice deletes these, and says nothing else.
fn deletion_of<const N: usize>(ids: [ConversationId; N]) -> DeleteConversationsRequest {
    DeleteConversationsRequest {
        user_id: ALICE.to_owned(),
        conversation_ids: ids.into(),
        ..DeleteConversationsRequest::default()
    }
}

fn heading(out: &mut impl Write, text: &str) -> Result<(), DemoError> {
    Ok(writeln!(out, "\n{text}")?)
}

async fn send(
    service: &mut Service,
    out: &mut impl Write,
    sender: &str,
    to: ConversationId,
    text: &str,
) -> Result<(), DemoError> {
    let message = service.send(sender, to, text).await?;
    Ok(write!(out, "{}", page::sent(&message))?)
}

async fn delete(
    service: &mut Service,
    out: &mut impl Write,
    request: &DeleteConversationsRequest,
) -> Result<DeleteConversationsResponse, DemoError> {
    write!(out, "{}", page::asked(request))?;
    let answer = service.delete(request).await?;
    write!(out, "{}", page::deleted(&answer.results))?;
    Ok(answer)
}

/// Returns the plan, if it was a look.
async fn delete_matching(
    service: &mut Service,
    out: &mut impl Write,
    request: &DeleteMatchingConversationsRequest,
) -> Result<String, DemoError> {
    write!(out, "{}", page::asked_matching(request))?;
    let answer = service.delete_matching(request).await?;
    write!(out, "{}", page::deleted(&answer.results))?;
    Ok(answer.plan)
}

async fn show_list(
    service: &mut Service,
    out: &mut impl Write,
    user: &str,
) -> Result<(), DemoError> {
    let answer = service.list(user).await?;
    Ok(write!(out, "{}", page::list(user, &answer.conversations))?)
}

async fn show_readable(
    service: &mut Service,
    out: &mut impl Write,
    user: &str,
    conversation: &ConversationId,
) -> Result<(), DemoError> {
    let messages = service.history(user, conversation).await?;
    Ok(write!(
        out,
        "{}",
        page::readable(user, conversation, &messages)
    )?)
}
