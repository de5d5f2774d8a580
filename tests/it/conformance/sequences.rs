//! Every sequence of a few steps on one conversation leaves what the model says: messages, deletions of
//! every kind, showing, undoing, leaving and joining again.
//!
//! `TEST_SEQUENCE_STEPS` sets how long the sequences are of which all are tried, and `TEST_OPERATIONS` how
//! many longer ones are drawn.

use conversation_service::proto::{ConversationId, Reappearance};

use crate::{
    model::{How, Model, Policy, Taking, compare},
    support::{
        client::{Client, LARGEST_PAGE},
        clock::TestClock,
        concurrently::concurrently,
        databases::{TestDatabase, on_every_database},
        dice::{Dice, number, seed},
        ids::{group, text},
        rows::{Rows, is_sqlite},
        server::{TestServer, config},
    },
};

use super::restore_conversations::{RETENTION, WINDOW};

on_every_database!(
    every_short_sequence_of_steps_leaves_what_the_model_says,
    longer_sequences_of_steps_leave_what_the_model_says,
);

/// How many sequences are played at a time.
const LANES: usize = 4;

/// More members than get a copy of the head.
const CROWD: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

#[derive(Clone, Copy, Debug)]
enum Step {
    Message,
    OwnMessage,
    DeleteKeep,
    DeleteClear,
    /// It forgets the settings, too.
    DeleteNever,
    Clear,
    Show,
    RestoreLast,
    RestoreOlder,
    Leave,
    Join,
}

const STEPS: [Step; 11] = [
    Step::Message,
    Step::OwnMessage,
    Step::DeleteKeep,
    Step::DeleteClear,
    Step::DeleteNever,
    Step::Clear,
    Step::Show,
    Step::RestoreLast,
    Step::RestoreOlder,
    Step::Leave,
    Step::Join,
];

/// One user and one group, and the model of them.
struct Scene {
    client: Client,
    user: String,
    friend: String,
    group: String,
    model: Model,
    /// All deletions and clearings, the last one last.
    deletions: Vec<u64>,
}

impl Scene {
    /// The user has a message of a friend, a pin and a mark. Every other group is large.
    async fn open(client: Client, number: usize, now: i64) -> Self {
        let mut model = Model::with(Policy {
            window: WINDOW,
            retention: RETENTION,
            pin_limit: 5,
        });
        model.now = now;
        let mut scene = Self {
            client,
            user: format!("user {number}"),
            friend: format!("friend {number}"),
            group: format!("group {number}"),
            model,
            deletions: Vec::new(),
        };
        let members = [scene.user.clone(), scene.friend.clone()];
        let members = [members[0].as_str(), members[1].as_str()];
        scene.client.join(&scene.group, &members).await;
        scene.model.join(&scene.group, members);
        if number % 2 == 1 {
            scene.client.join(&scene.group, &CROWD).await;
            scene.model.join(&scene.group, CROWD);
        }
        scene.send(members[1]).await;
        scene.client.pin(members[0], scene.id()).await;
        scene
            .model
            .pin(members[0], &scene.id(), true)
            .expect("room");
        scene.client.mark(members[0], scene.id(), 1, 0).await;
        scene.model.mark(members[0], &scene.id(), 1, 0);
        scene
    }

    fn id(&self) -> [ConversationId; 1] {
        [group(self.group.clone())]
    }

    async fn send(&mut self, sender: &str) {
        let [id] = self.id();
        let sent = self.client.send(sender, id.clone(), "hi").await;
        let time = sent.send_time.expect("a message has a time");
        let expected = self.model.send(sender, &id, text("hi"), time);
        assert_eq!(expected, Ok(sent));
    }

    async fn take(&mut self, step: Step) -> Result<(), String> {
        let user = self.user.clone();
        let friend = self.friend.clone();
        match step {
            Step::Message => self.send(&friend).await,
            Step::OwnMessage => {
                if self.model.is_member(&user, &self.group) {
                    self.send(&user).await;
                }
            }
            Step::DeleteKeep => self.delete(Taking::Entry, How::default()).await?,
            Step::DeleteClear => {
                self.delete(Taking::EntryAndHistory, How::default()).await?;
            }
            Step::DeleteNever => {
                let how = How {
                    never: true,
                    forget: true,
                };
                self.delete(Taking::Entry, how).await?;
            }
            Step::Clear => {
                let cleared = self.client.clear_history(&user, self.id()).await;
                let (ids, how) = (self.id(), How::default());
                let expected = self.model.take(&user, &ids, Taking::History, how, &[]);
                compare::same(step, &cleared.results, &expected)?;
                self.deletions.push(cleared.revision);
            }
            Step::Show => {
                let shown = self.client.show(&user, self.id()).await;
                let expected = self.model.show(&user, &self.id());
                compare::same(step, &shown.results, &expected)?;
            }
            Step::RestoreLast => self.restore(1).await?,
            Step::RestoreOlder => self.restore(2).await?,
            Step::Leave => {
                let left = self.client.leave(&self.group, &[&user]).await;
                let expected = self.model.leave(&self.group, [user.as_str()]);
                compare::same(step, &left, &count(expected))?;
            }
            Step::Join => {
                let joined = self.client.join(&self.group, &[&user]).await;
                let expected = self.model.join(&self.group, [user.as_str()]);
                compare::same(step, &joined, &count(expected))?;
            }
        }
        Ok(())
    }

    async fn delete(&mut self, taking: Taking, how: How) -> Result<(), String> {
        let deletion = self.client.delete(&self.user, self.id());
        let deletion = deletion.clear(taking == Taking::EntryAndHistory);
        let deletion = deletion.with(|request| {
            request.forget_settings = how.forget;
            if how.never {
                request.set_reappearance(Reappearance::Never);
            }
        });
        let deleted = deletion.await;
        let expected = self.model.take(&self.user, &self.id(), taking, how, &[]);
        self.deletions.push(deleted.revision);
        compare::same((taking, how), &deleted.results, &expected)
    }

    /// Undoes the deletion that was so many deletions ago, if there is one.
    async fn restore(&mut self, back: usize) -> Result<(), String> {
        let place = self.deletions.len().checked_sub(back);
        let Some(deletion) = place.map(|place| self.deletions[place].to_string()) else {
            return Ok(());
        };
        let restored = self.client.restore(&self.user, &deletion, "").await;
        let restored = restored.map_err(|status| format!("{status:?}"))?;
        let expected = self.model.restore(&self.user, &deletion, &[]);
        let expected = expected.map_err(|refusal| format!("{refusal:?}"))?;
        compare::same(("undo", back), &restored.results, &expected)
    }
}

fn count(users: usize) -> i32 {
    i32::try_from(users).expect("a test has few users")
}

/// Takes the steps in a scene of its own, and compares all that there is to see in the end.
async fn play(client: Client, number: usize, now: i64, steps: Vec<Step>) -> Result<(), String> {
    let failed = |what| format!("{steps:?}: {what}");
    let mut scene = Scene::open(client, number, now).await;
    for step in &steps {
        scene.take(*step).await.map_err(failed)?;
    }
    let (client, model, user) = (&scene.client, &scene.model, &scene.user);
    let [id] = scene.id();
    compare::list(client, model, user, None, LARGEST_PAGE)
        .await
        .map_err(failed)?;
    compare::hidden(client, model, user, &[], LARGEST_PAGE)
        .await
        .map_err(failed)?;
    compare::history(client, model, user, &id, LARGEST_PAGE)
        .await
        .map_err(failed)
}

async fn play_all(database: &TestDatabase, sequences: impl Iterator<Item = Vec<Step>>) {
    let mut config = config(database);
    config.deletion.restore_window = WINDOW;
    config.jobs.change_retention = RETENTION;
    let clock = TestClock::new();
    let server = TestServer::start_with(config, &clock).await;
    let client = server.client().await;
    let now = clock.now().as_micros();
    let mut lanes = vec![Vec::new(); LANES];
    for (number, steps) in sequences.enumerate() {
        // Odd numbers are large groups, and every lane has some.
        lanes[number / 2 % LANES].push((number, steps));
    }
    let playing = lanes.into_iter().map(|lane| {
        let client = client.clone();
        async move {
            let mut failed = Vec::new();
            for (number, steps) in lane {
                failed.extend(play(client.clone(), number, now, steps).await.err());
            }
            failed
        }
    });
    let failed = concurrently(playing.collect::<Vec<_>>()).await.concat();
    let count = failed.len();
    assert_eq!(count, 0, "{}", failed[..count.min(5)].join("\n"));
    Rows::of(database).await.assert_whole().await;
}

/// All that are so long.
fn all(length: u32) -> impl Iterator<Item = Vec<Step>> {
    let count = STEPS.len();
    (0..count.pow(length)).map(move |number| {
        let places = (0..length).map(|place| number / count.pow(place) % count);
        places.map(|place| STEPS[place]).collect()
    })
}

async fn every_short_sequence_of_steps_leaves_what_the_model_says(database: TestDatabase) {
    let usual = if is_sqlite(&database) { 3 } else { 2 };
    let longest = number("TEST_SEQUENCE_STEPS", usual);
    let longest = u32::try_from(longest).expect("a small number");
    play_all(&database, (1..=longest).flat_map(all)).await;
}

async fn longer_sequences_of_steps_leave_what_the_model_says(database: TestDatabase) {
    let mut dice = Dice::new(seed(18));
    let sequences = (0..number("TEST_OPERATIONS", 300)).map(|_| {
        let length = 4 + dice.below(5);
        (0..length).map(|_| *dice.one_of(&STEPS)).collect()
    });
    play_all(&database, sequences.collect::<Vec<_>>().into_iter()).await;
}
