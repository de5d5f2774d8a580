//! The operations, and how they are drawn. Names are few, so that users meet often, and odd.

use conversation_service::proto::{
    ConversationId, ConversationType, MessageBody, Payload, message_body::Content,
};
use proptest::{
    bool::weighted,
    collection::vec,
    option,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::{Index, select},
};

use super::{
    fault::{Asked, Fault},
    filter::Filter,
    folders::Filing,
    matching::Chosen,
    settings::Setting,
};
use crate::{
    model::How,
    support::ids::{c2c, group, system, text},
};

/// Everybody. Case and composition make a difference, and what is special to some encoding, pattern
/// or array syntax is not special here.
pub(super) const USERS: [&str; 8] = [
    "alice",
    "Alice",
    "b|ob^[away]_-`",
    "c:\\{\"a\",'b',NULL}",
    "%d_ave%",
    "e\u{301}ve #1",
    "\u{e9}ve #1",
    "🦀小明",
];

/// The groups; one is called like a user.
pub(super) const GROUPS: [&str; 3] = ["alice", "#ubuntu", "🎉|\\"];

/// Texts that never name a deletion.
const NO_DELETIONS: [&str; 8] = [
    "",
    "x",
    "0",
    "-1",
    "+1",
    "01",
    "99999",
    "18446744073709551616",
];

/// Strangers who come and go together: more than a group has members before it counts as large.
pub(super) const CROWD: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// How many servers share the database.
pub(super) const REPLICAS: usize = 2;

type User = &'static str;

/// One operation, which server it goes to, and whose list is compared afterwards.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) operation: Operation,
    pub(super) replica: usize,
    pub(super) onlooker: User,
    pub(super) page_size: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    C2c(User),
    Group(&'static str),
    System,
}

/// The content of a message; few, so that retries with the same and with another content happen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Words {
    Text(u8),
    Payload(u8),
}

/// One conversation to delete or read, and how far its user has seen it, counted from its newest
/// message.
pub(super) type Victim = (Target, Option<i64>);

#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// With a name, it may be the retry of an earlier message, or pretend to be.
    Say {
        from: User,
        to: Target,
        words: Words,
        name: Option<u8>,
    },
    Announce {
        to: Vec<User>,
        words: Words,
    },
    RepeatAnnouncement(Index),
    /// With a name, it may be the retry of an earlier one, or pretend to be.
    Join {
        group: &'static str,
        users: Vec<User>,
        name: Option<u8>,
    },
    Leave {
        group: &'static str,
        users: Vec<User>,
        name: Option<u8>,
    },
    /// The group gets many members for a moment.
    Crowd {
        group: &'static str,
    },
    /// With a name, it may reuse that of an earlier change.
    Delete {
        user: User,
        victims: Vec<Victim>,
        clear: Option<bool>,
        how: How,
        name: Option<u8>,
    },
    ClearHistory {
        user: User,
        victims: Vec<Victim>,
        name: Option<u8>,
    },
    Restore {
        user: User,
        which: Which,
        part: Part,
        name: Option<u8>,
    },
    Show {
        user: User,
        targets: Vec<Target>,
        name: Option<u8>,
    },
    Set {
        user: User,
        setting: Setting,
        name: Option<u8>,
    },
    File {
        user: User,
        filing: Filing,
        name: Option<u8>,
    },
    /// A look at what a selector leaves.
    Look {
        user: User,
        chosen: Chosen,
    },
    /// A deletion of what a selector leaves, or of what an earlier look has shown.
    DeleteMatching {
        user: User,
        chosen: Chosen,
        look: Option<Index>,
        name: Option<u8>,
    },
    /// A deletion of what a look has shown, for the user and the selector that it was for.
    DeleteShown {
        look: Index,
        clear: Option<bool>,
        limit: u32,
        name: Option<u8>,
    },
    /// Changes of several users wait at the same time, and are carried out together.
    Together(Vec<(User, Asked)>),
    /// Repeats one of the named changes, or says something else under its name.
    RepeatChange(Index),
    ReuseChangeName(Index, Change),
    List {
        user: User,
        filter: Filter,
        page_size: i32,
    },
    ListHidden {
        user: User,
        types: Vec<ConversationType>,
        page_size: i32,
    },
    CountUnread {
        user: User,
        filter: Filter,
    },
    /// A message arrives between two pages.
    ListMeanwhile {
        user: User,
        page_size: i32,
        from: User,
        to: Target,
    },
    Get {
        user: User,
        targets: Vec<Target>,
    },
    Read {
        user: User,
        target: Target,
        page_size: i32,
    },
    Refused(Fault),
    Pass {
        milliseconds: u64,
    },
    SetBack {
        milliseconds: u64,
    },
    /// The background jobs run.
    Round {
        replica: usize,
    },
    Restart {
        replica: usize,
    },
    /// It is started again with other settings.
    Reconfigure {
        replica: usize,
        window_seconds: u64,
        pin_limit: usize,
    },
}

/// The target of an undo: the deletion that was so many deletions ago, the change that was so many
/// changes ago, or a name of the test's own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Deletion(usize),
    Change(u64),
    Text(&'static str),
}

/// The conversations of a deletion that are to be put back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    All,
    /// Those whose bit is set, from the first or from the last on. None is all.
    These {
        bits: u8,
        reversed: bool,
    },
    /// All, and one that may be none of the deletion's.
    WithAnother(Target),
}

/// A difference that makes a request another one, or only seems to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Sense,
    Method,
    Conversations,
    Seen,
    Rule,
    /// It says the same in other words.
    Words,
}

impl Target {
    pub(super) fn id(self) -> ConversationId {
        match self {
            Self::C2c(user) => c2c(user),
            Self::Group(name) => group(name),
            Self::System => system(),
        }
    }
}

pub(super) fn ids(targets: &[Target]) -> Vec<ConversationId> {
    targets.iter().map(|target| target.id()).collect()
}

impl Words {
    pub(super) fn body(self) -> MessageBody {
        match self {
            Self::Text(number) => text(format!("words № {number}\n\t'\\")),
            Self::Payload(length) => MessageBody {
                content: Some(Content::Payload(Payload {
                    r#type: "image/ref".to_owned(),
                    data: vec![0xff; length.into()],
                })),
            },
        }
    }
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    (operation(), 0..REPLICAS, user(), page_size()).prop_map(
        |(operation, replica, onlooker, page_size)| Step {
            operation,
            replica,
            onlooker,
            page_size,
        },
    )
}

/// Mostly of one page, because every list is compared once for each step.
fn page_size() -> impl Strategy<Value = i32> {
    prop_oneof![5 => Just(100), 1 => 1..8]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        30 => (user(), talk(), words(), option::weighted(0.2, 0..4_u8))
            .prop_map(|(from, to, words, name)| Operation::Say { from, to, words, name }),
        3 => (users(), words()).prop_map(|(to, words)| Operation::Announce { to, words }),
        1 => any::<Index>().prop_map(Operation::RepeatAnnouncement),
        6 => (select(&GROUPS), users(), name())
            .prop_map(|(group, users, name)| Operation::Join { group, users, name }),
        4 => (select(&GROUPS), users(), name())
            .prop_map(|(group, users, name)| Operation::Leave { group, users, name }),
        1 => select(&GROUPS).prop_map(|group| Operation::Crowd { group }),
        16 => (user(), victims(), any::<Option<bool>>(), how(), name())
            .prop_map(|(user, victims, clear, how, name)| Operation::Delete { user, victims, clear, how, name }),
        6 => (user(), victims(), name())
            .prop_map(|(user, victims, name)| Operation::ClearHistory { user, victims, name }),
        12 => (user(), which(), part(), name())
            .prop_map(|(user, which, part, name)| Operation::Restore { user, which, part, name }),
        8 => (user(), targets(), name())
            .prop_map(|(user, targets, name)| Operation::Show { user, targets, name }),
        24 => (user(), Setting::any(), name())
            .prop_map(|(user, setting, name)| Operation::Set { user, setting, name }),
        16 => (user(), Filing::any(), name())
            .prop_map(|(user, filing, name)| Operation::File { user, filing, name }),
        6 => (user(), Chosen::any()).prop_map(|(user, chosen)| Operation::Look { user, chosen }),
        2 => (user(), Chosen::any(), option::weighted(0.1, any::<Index>()), name()).prop_map(
            |(user, chosen, look, name)| Operation::DeleteMatching { user, chosen, look, name }
        ),
        5 => (any::<Index>(), any::<Option<bool>>(), select(&[0, 0, 1, 2, 1_000]), name()).prop_map(
            |(look, clear, limit, name)| Operation::DeleteShown { look, clear, limit, name }
        ),
        2 => vec((user(), Asked::any()), 2..7)
            .prop_map(|changes| Operation::Together(unique(changes, |(user, _)| *user))),
        6 => any::<Index>().prop_map(Operation::RepeatChange),
        4 => (any::<Index>(), change())
            .prop_map(|(which, change)| Operation::ReuseChangeName(which, change)),
        4 => (user(), Filter::any(), 1..8)
            .prop_map(|(user, filter, page_size)| Operation::List { user, filter, page_size }),
        8 => (user(), hidden_types(), 1..8)
            .prop_map(|(user, types, page_size)| Operation::ListHidden { user, types, page_size }),
        4 => (user(), Filter::any()).prop_map(|(user, filter)| Operation::CountUnread { user, filter }),
        3 => (user(), 1..4, user(), talk())
            .prop_map(|(user, page_size, from, to)| Operation::ListMeanwhile { user, page_size, from, to }),
        3 => (user(), targets()).prop_map(|(user, targets)| Operation::Get { user, targets }),
        5 => (user(), target(), 1..6)
            .prop_map(|(user, target, page_size)| Operation::Read { user, target, page_size }),
        5 => Fault::any().prop_map(Operation::Refused),
        6 => (1..3_000_u64).prop_map(|milliseconds| Operation::Pass { milliseconds }),
        1 => (1..3_000_u64).prop_map(|milliseconds| Operation::SetBack { milliseconds }),
        // Longer than anything can be undone.
        1 => (10_000..50_000_u64).prop_map(|milliseconds| Operation::Pass { milliseconds }),
        4 => (0..REPLICAS).prop_map(|replica| Operation::Round { replica }),
        1 => (0..REPLICAS).prop_map(|replica| Operation::Restart { replica }),
        // The usual ones are among them.
        1 => (0..REPLICAS, select(&[0, 5, 20, 40]), 1..4_usize).prop_map(
            |(replica, window_seconds, pin_limit)| Operation::Reconfigure {
                replica,
                window_seconds,
                pin_limit,
            }
        ),
    ]
}

/// Mostly one of the first, so that much happens to the same few.
pub(super) fn user() -> impl Strategy<Value = User> {
    prop_oneof![3 => select(&USERS[..3]), 2 => select(&USERS)]
}

fn users() -> impl Strategy<Value = Vec<User>> {
    vec(user(), 1..5).prop_map(|users| unique(users, |user| *user))
}

/// Where a user may send to.
fn talk() -> impl Strategy<Value = Target> {
    prop_oneof![
        user().prop_map(Target::C2c),
        select(&GROUPS).prop_map(Target::Group)
    ]
}

pub(super) fn target() -> impl Strategy<Value = Target> {
    prop_oneof![9 => talk(), 1 => Just(Target::System)]
}

pub(super) fn targets() -> impl Strategy<Value = Vec<Target>> {
    vec(target(), 1..8).prop_map(|targets| unique(targets, |target| *target))
}

pub(super) fn victims() -> impl Strategy<Value = Vec<Victim>> {
    let seen = option::weighted(
        0.3,
        prop_oneof![4 => -3..=1_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX)],
    );
    vec((target(), seen), 1..8).prop_map(|victims| unique(victims, |(target, _)| *target))
}

fn hidden_types() -> impl Strategy<Value = Vec<ConversationType>> {
    const TYPES: [ConversationType; 3] = [
        ConversationType::C2c,
        ConversationType::Group,
        ConversationType::System,
    ];
    prop_oneof![2 => Just(Vec::new()), 1 => vec(select(&TYPES), 1..3)]
}

/// Mostly as it is without saying anything.
pub(super) fn how() -> impl Strategy<Value = How> {
    (weighted(0.3), weighted(0.3)).prop_map(|(never, forget)| How { never, forget })
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        20 => (0..3_usize).prop_map(Which::Deletion),
        4 => (0..40_u64).prop_map(Which::Change),
        1 => select(&NO_DELETIONS).prop_map(Which::Text),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        6 => Just(Part::All),
        6 => (any::<u8>(), any::<bool>())
            .prop_map(|(bits, reversed)| Part::These { bits, reversed }),
        1 => target().prop_map(Part::WithAnother),
    ]
}

/// The name of a request, which may be that of an earlier one.
fn name() -> impl Strategy<Value = Option<u8>> {
    option::weighted(0.4, 0..40_u8)
}

fn words() -> impl Strategy<Value = Words> {
    prop_oneof![
        4 => (0..4_u8).prop_map(Words::Text),
        1 => (0..3_u8).prop_map(Words::Payload),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    select(&[
        Change::Sense,
        Change::Method,
        Change::Conversations,
        Change::Seen,
        Change::Rule,
        Change::Words,
    ])
}

/// Leaves the first of those that have the same key.
fn unique<T, K: PartialEq>(all: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for one in all {
        if kept.iter().all(|other| key(other) != key(&one)) {
            kept.push(one);
        }
    }
    kept
}
