//! A caller who sends nearly anything, and checks what is answered.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use tokio::time::timeout;
use tonic::{Code, codegen::http::StatusCode};

use super::{
    calls::Call,
    frames,
    mutations::{self, Field, Value, any_bytes, with_other_bytes, with_other_fields},
    seeds::Seed,
    tokens,
};
use crate::{
    errors::assert_ours,
    support::{
        dice::Dice,
        stage::PATIENCE,
        wire::{Answer, Wire},
    },
};

/// After how many calls a caller hangs up and comes again. Clients come and go, and the transport bears
/// with one that does so much wrong over one connection only for so long.
const CALLS_OF_A_CONNECTION: usize = 2_000;

/// How many texts of answers are remembered, and how long they are at most.
const MOST_KNOWN: usize = 64;
const LONGEST_KNOWN: usize = 400;

/// How often each code was answered.
pub(super) type Tally = BTreeMap<i32, usize>;

pub(super) struct Caller {
    address: SocketAddr,
    dice: Dice,
    seeds: Arc<Vec<Seed>>,
    wire: Wire,
    known: Vec<String>,
    tally: Tally,
}

impl Caller {
    pub(super) async fn new(address: SocketAddr, seeds: Arc<Vec<Seed>>, seed: u64) -> Self {
        Self {
            address,
            dice: Dice::new(seed),
            seeds,
            wire: Wire::connect(address).await,
            known: Vec::new(),
            tally: Tally::new(),
        }
    }

    /// Makes so many calls, and hangs up.
    pub(super) async fn run(mut self, calls: usize) -> Tally {
        for number in 1..=calls {
            self.call().await;
            if number % CALLS_OF_A_CONNECTION == 0 {
                self.wire = Wire::connect(self.address).await;
            }
        }
        self.tally
    }

    async fn call(&mut self) {
        let seeds = Arc::clone(&self.seeds);
        let seed = self.dice.one_of(&seeds);
        let message = with_another_request_id(&mut self.dice, &seed.message);
        let mut call = Call::of(&seed.path, &message);
        match self.dice.below(32) {
            0..=2 => {}
            3..=14 => {
                let message = with_other_fields(&mut self.dice, &message, &self.known);
                call = Call::of(&seed.path, &message);
            }
            15..=17 => {
                call = Call::of(&seed.path, &with_other_bytes(&mut self.dice, &message));
            }
            18 => call = Call::of(&seed.path, &any_bytes(&mut self.dice, 256)),
            19..=20 => call = self.page_from_anywhere(&seeds),
            21..=24 => call.frame_oddly(&mut self.dice),
            25..=28 => call.head_oddly(&mut self.dice),
            29 | 30 => return self.give_up(&call).await,
            _ => {
                frames::disturb(self.address, &mut self.dice, &seed.path, &message).await;
                return;
            }
        }
        self.exchange(&call, seed.is_watch).await;
    }

    /// A page that goes on from anywhere.
    fn page_from_anywhere(&mut self, seeds: &[Seed]) -> Call {
        type Page = fn(&mut Dice, &[u8]) -> Vec<u8>;
        let (method, page): (_, Page) = match self.dice.below(4) {
            0 | 1 => ("/ListConversations", tokens::list),
            2 => ("/ListMessages", tokens::messages),
            _ => ("/ListDeletions", tokens::deletions),
        };
        let seed = seeds.iter().find(|seed| seed.path.ends_with(method));
        let Seed { path, message, .. } = seed.expect("it is a method");
        let message = page(&mut self.dice, message);
        Call::of(path, &message)
    }

    /// Begins a call and takes it back in the midst of its body, or after it.
    async fn give_up(&mut self, call: &Call) {
        let sent = self.dice.below(call.body.len() as u64 + 1);
        let sent = usize::try_from(sent).expect("it is below a length");
        let begun = self.wire.give_up(call.request(), &call.body[..sent]).await;
        begun.expect("the connection is open");
    }

    async fn exchange(&mut self, call: &Call, is_watch: bool) {
        let enough = if is_watch { 1 } else { usize::MAX };
        let answer = self.wire.exchange(call.request(), &call.body, enough);
        let answer = timeout(PATIENCE, answer).await;
        let described = || format!("{:?} {:?}", call.request(), call.body);
        match answer.unwrap_or_else(|_| panic!("no answer to {}", described())) {
            Ok(answer) => self.check(call, &answer, is_watch, &described),
            Err(error) if error.is_reset() && call.lies_about_its_length() => {}
            Err(error) => panic!("{error:?}: {}", described()),
        }
    }

    fn check(
        &mut self,
        call: &Call,
        answer: &Answer,
        is_watch: bool,
        described: &dyn Fn() -> String,
    ) {
        if call.has_huge_headers() {
            let refused = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            assert_eq!(answer.http, refused, "{}", described());
            return;
        }
        if let Some(refused) = call.is_no_call() {
            assert_eq!(answer.http, refused, "{}", described());
            return;
        }
        assert_eq!(answer.http, StatusCode::OK, "{}", described());
        let Some(status) = &answer.status else {
            assert!(is_watch, "there was no status: {}", described());
            return;
        };
        let code = status.code();
        *self.tally.entry(code.into()).or_default() += 1;
        match code {
            Code::Ok => remember(&mut self.dice, &mut self.known, &answer.body),
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Aborted => assert_ours(status),
            Code::DeadlineExceeded if call.has_deadline() => assert_ours(status),
            _ => panic!("{status:?}: {}", described()),
        }
    }
}

/// The request under another of a few names, or under none.
fn with_another_request_id(dice: &mut Dice, message: &[u8]) -> Vec<u8> {
    const LENGTH: usize = 36;
    let Some(mut fields) = mutations::fields(message) else {
        return message.to_vec();
    };
    let is_named =
        |Field { value, .. }: &Field| matches!(value, Value::Bytes(bytes) if bytes.len() == LENGTH);
    if dice.once_in(2) {
        fields.retain(|field| !is_named(field));
    } else if let Some(Field {
        value: Value::Bytes(id),
        ..
    }) = fields.iter_mut().find(|field| is_named(field))
    {
        id.truncate(LENGTH - 2);
        id.extend(format!("{:02x}", dice.below(256)).bytes());
    }
    mutations::message(&fields)
}

/// Remembers the texts in an answer, to send them back in other places: page tokens, IDs.
fn remember(dice: &mut Dice, known: &mut Vec<String>, message: &[u8]) {
    // After the header of its frame.
    let fields = message.get(5..).and_then(mutations::fields);
    for field in fields.into_iter().flatten() {
        let Value::Bytes(bytes) = field.value else {
            continue;
        };
        match String::from_utf8(bytes) {
            Ok(text) if (1..=LONGEST_KNOWN).contains(&text.len()) => {
                if known.len() < MOST_KNOWN {
                    known.push(text);
                } else {
                    let place = usize::try_from(dice.below(MOST_KNOWN as u64));
                    known[place.expect("it is below a length")] = text;
                }
            }
            _ => {}
        }
    }
}
