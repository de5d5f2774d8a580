//! The statements that sea-orm builds, by the functions that build them, with values that stand for any.

use sea_orm::QueryTrait;

use crate::{
    domain::{
        CanonicalId, ConversationKey, FolderName, GroupId, GroupRequest, RequestDigest, RequestId,
        Revision, Seq, Timestamp, UserId,
    },
    store::{
        changes::folders::statements as folders,
        database::{dialect::Dialect, time},
        erasure::{self, Unseen, erase, unlisting},
        groups::statements as groups,
        heads, log,
        messages::remembered,
        users,
    },
};

/// Their names and texts.
pub(super) fn statements(dialect: Dialect) -> Vec<(String, String)> {
    let user = &UserId::new("u").unwrap();
    let name = &FolderName::new("f").unwrap();
    let group = &CanonicalId::of_group(&GroupId::new("g").unwrap());
    let key = ConversationKey::from(group);
    let (seq, revision, time) = (Seq::ZERO, Revision::default(), Timestamp::from_micros(0));
    let request = GroupRequest {
        id: RequestId([0; 16]),
        digest: RequestDigest([0; 16]),
    };
    let unseen = Unseen {
        key,
        after: seq,
        through: seq,
    };
    let mut built = Built(dialect, Vec::new());
    built.add("time.known", &time::known("boot"));
    built.add("time.forget", &time::forget());
    built.add("time.keep", &time::keep("boot", 0));
    built.add("users.lock", &users::lock(user));
    built.add("heads.lock", &heads::lock(key));
    built.add("heads.lock_group", &heads::lock_group(key));
    built.add(
        "heads.lock_or_create_group",
        &heads::lock_or_create_group(key, group, time),
    );
    built.add("log.of_revision", &log::of_revision(user, revision));
    built.add("log.of_request", &log::of_request(user, request.id));
    built.add(
        "messages.remembered.named",
        &remembered::named(key, (seq, seq), 0, time),
    );
    built.add("folders.find", &folders::find(user, name));
    built.add("folders.create", &folders::create(user, revision, name));
    built.add("folders.rename", &folders::rename(user, revision, name));
    built.add("folders.delete", &folders::delete(user, revision));
    built.add("folders.empty", &folders::empty(user, revision));
    built.add("groups.earlier", &groups::earlier(key, request));
    built.add("groups.remember", &groups::remember(key, request, time, 0));
    built.add("groups.make_large", &groups::make_large(key));
    built.add("groups.lost_sight", &groups::lost_sight(key, time));
    built.add(
        "erasure.finish_conversation",
        &erasure::finish_conversation(key, time),
    );
    built.add("erasure.erase.oldest", &erase::oldest(unseen));
    built.add("erasure.erase.erase", &erase::erase(key, seq, seq));
    built.add("erasure.unlisting.done", &unlisting::done(user, revision));
    built.1
}

struct Built(Dialect, Vec<(String, String)>);

impl Built {
    fn add(&mut self, name: &str, query: &impl QueryTrait) {
        let statement = query.build(self.0.backend());
        self.1.push((name.to_owned(), statement.sql));
    }
}
