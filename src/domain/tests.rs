//! The properties of plain values that the rest of the service relies on: they give back what was put into
//! them, and say in words what they refuse.

use std::time::Duration;

use super::*;

fn user(text: &str) -> UserId {
    UserId::new(text).unwrap()
}

fn c2c(text: &str) -> ConversationId {
    ConversationId::C2c(user(text))
}

#[test]
fn a_batch_gives_its_items_in_their_order() {
    let batch = Batch::new(vec![3, 1, 2]).unwrap();
    assert_eq!((&batch).into_iter().copied().collect::<Vec<_>>(), [3, 1, 2]);
    assert_eq!(batch.into_iter().collect::<Vec<_>>(), [3, 1, 2]);
}

#[test]
fn numbers_go_through_the_database_and_the_protocol_as_they_are() {
    for number in [0, 1, 2, 1 << 40, i64::MAX] {
        let position = Seq::from_stored(number).unwrap();
        assert_eq!(position.to_stored(), number);
        assert_eq!(position.get(), number.unsigned_abs());
        assert_eq!(Seq::saturating(position.get()), position);
        assert_eq!(position.to_string(), number.to_string());
        let revision = Revision::from_stored(number).unwrap();
        assert_eq!(revision.to_stored(), number);
        assert_eq!(revision.get(), number.unsigned_abs());
        assert_eq!(Revision::saturating(revision.get()), revision);
        assert_eq!(revision.to_string(), number.to_string());
    }
    assert_eq!(
        (Seq::from_stored(-1), Revision::from_stored(-1)),
        (None, None)
    );
    assert_eq!(Seq::saturating(u64::MAX).to_stored(), i64::MAX);
    assert_eq!(Revision::saturating(u64::MAX).to_stored(), i64::MAX);
}

#[test]
fn positions_and_revisions_end_where_the_database_ends() {
    let [five, six] = [5, 6].map(|number| Seq::from_stored(number).unwrap());
    assert_eq!((five.next(), six.previous()), (six, five));
    assert_eq!(Seq::ZERO.previous(), Seq::ZERO);
    let last = Seq::saturating(u64::MAX);
    assert_eq!(last.next(), last);
    assert_eq!(Revision::saturating(5).next(), Revision::saturating(6));
    let last = Revision::saturating(u64::MAX);
    assert_eq!(last.next(), last);
}

#[test]
fn a_page_has_as_many_items_as_it_has_room_for_and_500_at_most() {
    let fits = 3 * 1024 * 1024;
    assert_eq!(fitting([]), 0);
    assert_eq!(fitting([1, 2, 3]), 3);
    assert_eq!(fitting([fits]), 1);
    assert_eq!(fitting([fits - 1, 1, 1]), 2);
    assert_eq!(fitting([fits + 1, 1]), 0, "nothing out of its order");
    for (asked, given) in [(0, 50), (1, 1), (50, 50), (500, 500)] {
        assert_eq!(PageSize::new(asked).map(PageSize::get), Ok(given));
    }
    for asked in [-1, 501, i32::MIN, i32::MAX] {
        assert_eq!(PageSize::new(asked), Err(PageSizeError { limit: 500 }));
    }
    for (asked, given) in [(0, 20), (1, 1), (100, 100)] {
        assert_eq!(PageSize::of_deletions(asked).map(PageSize::get), Ok(given));
    }
    for asked in [-1, 101, 500, i32::MIN] {
        let refused = PageSize::of_deletions(asked);
        assert_eq!(refused, Err(PageSizeError { limit: 100 }));
    }
}

#[test]
fn a_clock_that_is_turned_by_hand_stands_still_otherwise() {
    let hand = ManualClock::new(Timestamp::from_micros(1_000_000));
    let clock = hand.clock();
    assert_eq!(clock.now().as_micros(), 1_000_000);
    hand.advance(Duration::from_millis(5));
    assert_eq!(clock.now().as_micros(), 1_005_000);
    hand.set(Timestamp::from_micros(-7));
    assert_eq!(clock.now().as_micros(), -7);
    assert_eq!(format!("{clock:?}"), "Clock(manual, -7)");
}

#[test]
fn a_clock_that_is_turned_by_hand_agrees_with_every_other() {
    let clock = ManualClock::new(Timestamp::from_micros(7)).clock();
    assert!(!clock.follows_database());
    assert_eq!(clock.wall(), clock.now());
    let asked = clock.ask();
    assert_eq!(clock.told(asked, Timestamp::from_micros(9)), Told::Expected);
    clock.set_cautious(5);
    assert_eq!((clock.skew(), clock.agrees()), (0, true));
    assert_eq!(
        (clock.held_back(), clock.cautious()),
        (Duration::ZERO, None)
    );
    assert_eq!((clock.boot_id(), clock.now().as_micros()), (None, 7));
}

#[test]
fn a_clock_of_the_database_knows_how_far_the_machines_is_off() {
    const AHEAD: i64 = 5_000_000_000;
    let at = Timestamp::from_micros;
    let wall = ManualClock::new(at(AHEAD));
    let machine = wall.clone();
    let clock = Clock::of_database(Some("boot".to_owned()), move || Readings {
        wall: machine.clock().now(),
        steady: at(100),
    });
    assert!(clock.follows_database());
    assert_eq!(clock.boot_id(), Some("boot"));
    assert_eq!(clock.wall(), at(AHEAD));
    assert_eq!(clock.told(clock.ask(), at(1_000)), Told::Expected);
    assert_eq!(clock.now(), at(1_000));
    assert_eq!((clock.skew(), clock.agrees()), (AHEAD - 1_000, false));
    let most = i64::try_from(MOST_SKEW.as_micros()).unwrap();
    for (skew, agrees) in [
        (most, true),
        (most + 1, false),
        (-most, true),
        (-most - 1, false),
    ] {
        wall.set(at(1_000 + skew));
        assert_eq!((clock.skew(), clock.agrees()), (skew, agrees));
    }
    // A minute is no jump.
    let jump = i64::try_from(JUMP.as_micros()).unwrap();
    assert_eq!(clock.told(clock.ask(), at(1_000 + jump)), Told::Expected);
    assert_eq!(clock.told(clock.ask(), at(1_000)), Told::Expected);
    // The database's clock jumps ahead: erasing does not follow it.
    let jump = jump + 1;
    assert_eq!(
        clock.told(clock.ask(), at(1_000 + jump)),
        Told::Jumped(jump)
    );
    assert_eq!(clock.cautious(), Some(900));
    assert_eq!(clock.held_back(), JUMP + Duration::from_micros(1));
    clock.set_cautious(950);
    assert_eq!(clock.cautious(), Some(950));
}

#[test]
fn times_are_moved_and_end_where_the_database_ends() {
    let time = Timestamp::from_micros(10_000_000);
    let second = Duration::from_secs(1);
    assert_eq!(time.saturating_sub(second).as_micros(), 9_000_000);
    assert_eq!(time.saturating_add(second).as_micros(), 11_000_000);
    assert_eq!(time.saturating_add(Duration::MAX).as_micros(), i64::MAX);
    let early = Timestamp::from_micros(i64::MIN + 1);
    assert_eq!(early.saturating_sub(second).as_micros(), i64::MIN);
}

#[test]
fn a_body_and_custom_data_give_back_what_they_were_made_of() {
    let image = PayloadType::new("image").unwrap();
    let body = MessageBody::new(Some(image.clone()), vec![7, 8]).unwrap();
    assert_eq!(body.payload_type(), Some(&image));
    assert_eq!(body.content(), [7, 8]);
    assert_eq!(body.into_parts(), (Some(image), vec![7, 8]));
    let data = CustomData::new(vec![7, 8]).unwrap();
    assert_eq!(data.as_bytes(), [7, 8]);
    assert_eq!(data.into_bytes(), [7, 8]);
}

#[test]
fn the_stored_text_of_a_conversation_is_read_as_its_user_sees_it() {
    let group = ConversationId::Group(GroupId::new("hike").unwrap());
    for (id, reader) in [
        (c2c("bob"), "alice"),
        (group, "alice"),
        (ConversationId::System, "alice"),
    ] {
        let canonical = id.canonical(&user(reader));
        assert!(!canonical.as_str().is_empty());
        let stored = CanonicalId::from_stored(canonical.as_str().to_owned());
        assert_eq!(stored.seen_by(&user(reader)), Some(id));
        assert_eq!(stored.as_str().to_owned(), stored.into_text());
    }
}

#[test]
fn what_a_folder_is_asked_to_do_names_its_conversations() {
    let batch = || Batch::new(vec![c2c("bob")]).unwrap();
    let rename = FolderAction::Rename(FolderName::new("work").unwrap());
    for none in [FolderAction::Create(None), FolderAction::Delete, rename] {
        assert_eq!(none.conversations(), []);
    }
    for one in [
        FolderAction::Create(Some(batch())),
        FolderAction::Add(batch()),
        FolderAction::Remove(batch()),
    ] {
        assert_eq!(one.conversations(), [c2c("bob")]);
    }
}

fn recorded(client: Option<&str>, change: Change) -> RecordedChange {
    RecordedChange {
        revision: Revision::saturating(1),
        time: Timestamp::default(),
        client: client.map(|client| ClientId::new(client).unwrap()),
        change,
    }
}

#[test]
fn a_watcher_is_notified_of_what_others_have_changed() {
    let [phone, tablet] = ["phone", "tablet"].map(|client| ClientId::new(client).unwrap());
    let pinned = Change::Pinned(Pinning::Pin, vec![c2c("bob")]);
    let by_phone = recorded(Some("phone"), pinned.clone());
    assert!(by_phone.concerns(Some(&tablet)));
    assert!(by_phone.concerns(None));
    assert!(!by_phone.concerns(Some(&phone)), "it knows");
    let by_nobody = recorded(None, pinned);
    assert!(by_nobody.concerns(Some(&phone)));
    assert!(
        by_nobody.concerns(None),
        "who has no name is not who else has none"
    );
}

#[test]
fn a_watcher_is_not_notified_of_a_request_that_changed_nothing() {
    let name = |text| FolderName::new(text).unwrap();
    let data = CustomData::default;
    let (id, one) = (|| c2c("bob"), || vec![c2c("bob")]);
    let mark = Marks::new(1).unwrap();
    for (something, nothing) in [
        (
            Change::Read(vec![(id(), Seq::ZERO)]),
            Change::Read(Vec::new()),
        ),
        (
            Change::Marked(vec![(id(), mark)]),
            Change::Marked(Vec::new()),
        ),
        (
            Change::Muted(Muting::Mute, one()),
            Change::Muted(Muting::Mute, Vec::new()),
        ),
        (
            Change::CustomDataSet(data(), one()),
            Change::CustomDataSet(data(), Vec::new()),
        ),
        (
            Change::AddedToFolder(name("a"), one()),
            Change::AddedToFolder(name("a"), Vec::new()),
        ),
        (
            Change::RemovedFromFolder(name("a"), one()),
            Change::RemovedFromFolder(name("a"), Vec::new()),
        ),
        (
            Change::FolderRenamed {
                from: name("a"),
                to: name("b"),
            },
            Change::FolderRenamed {
                from: name("a"),
                to: name("a"),
            },
        ),
    ] {
        assert!(recorded(None, something).concerns(None));
        assert!(!recorded(None, nothing).concerns(None));
    }
    for change in [
        Change::FolderCreated(name("a"), Vec::new()),
        Change::FolderDeleted(name("a")),
    ] {
        assert!(recorded(None, change).concerns(None));
    }
}

#[test]
fn a_reading_fits_an_event_up_to_a_mebibyte_and_everything_else_does() {
    let read = |name: &str, count| {
        let id = ConversationId::Group(GroupId::new(name).unwrap());
        Change::Read(vec![(id, Seq::ZERO); count])
    };
    assert_eq!(MAX_EVENT_BYTES, 1_048_576);
    // Each conversation takes 32 bytes and its name.
    assert!(read(&"g".repeat(32), MAX_EVENT_BYTES / 64).fits_an_event());
    assert!(!read(&"g".repeat(33), MAX_EVENT_BYTES / 64).fits_an_event());
    let system = vec![(ConversationId::System, Seq::ZERO); MAX_EVENT_BYTES / 32];
    assert!(Change::Read(system).fits_an_event());
    let chats = vec![(c2c("bob"), Seq::ZERO); MAX_EVENT_BYTES / 35 + 1];
    assert!(!Change::Read(chats).fits_an_event());
    let pinned = vec![c2c("bob"); MAX_EVENT_BYTES];
    assert!(Change::Pinned(Pinning::Pin, pinned).fits_an_event());
}

#[test]
fn a_watcher_is_notified_of_a_synchronised_deletion_and_of_every_undo() {
    let watermarks = || {
        vec![Watermarks {
            conversation_id: c2c("bob"),
            hidden_through: Seq::ZERO,
            cleared_through: Seq::ZERO,
            is_pinned: false,
            reappearance: Reappearance::OnMessage,
            settings: Settings::Keep,
        }]
    };
    let taken = |synchronisation, conversations| {
        let change = Change::Taken {
            taking: Taking::Entry,
            reappearance: Reappearance::OnMessage,
            settings: Settings::Keep,
            synchronisation,
            conversations,
        };
        recorded(None, change)
    };
    let restored = |conversations| {
        let change = Change::Restored {
            deletion: Revision::saturating(1),
            conversations,
            settings: Vec::new(),
        };
        recorded(None, change)
    };
    assert!(taken(Synchronisation::OtherClients, watermarks()).concerns(None));
    assert!(!taken(Synchronisation::OriginOnly, watermarks()).concerns(None));
    assert!(!taken(Synchronisation::OtherClients, Vec::new()).concerns(None));
    assert!(restored(watermarks()).concerns(None));
    assert!(!restored(Vec::new()).concerns(None));
}

#[test]
fn every_refusal_says_what_is_expected() {
    let long = IdError::TooLong { limit: 128 };
    for (words, expected) in [
        (BatchError::Empty.to_string(), "must not be empty"),
        (BatchError::TooMany.to_string(), "at most 100"),
        (BatchError::Duplicate.to_string(), "not repeat"),
        (
            PageSizeError { limit: 500 }.to_string(),
            "between 0 and 500",
        ),
        (CustomDataError.to_string(), "at most 256"),
        (BodyError::TooLong.to_string(), "at most 12288"),
        (BodyError::NotUtf8.to_string(), "UTF-8"),
        (IdError::Empty.to_string(), "must not be empty"),
        (long.to_string(), "at most 128"),
        (IdError::ControlCharacter.to_string(), "control"),
        (IdError::OuterWhiteSpace.to_string(), "white space"),
        (MarksError::Unknown.to_string(), "32 to 63"),
        (MarksError::NotOne.to_string(), "one bit"),
        (MarksError::Nothing.to_string(), "must not be empty"),
        (MarksError::Both.to_string(), "must have no mark"),
        (
            ConversationIdError::UnknownForm.to_string(),
            "must be C2C<user id>, GROUP<group id> or @TIM#SYSTEM",
        ),
        (
            ConversationIdError::Id(IdError::Empty).to_string(),
            "must not be empty",
        ),
    ] {
        assert!(words.contains(expected), "{words:?}");
    }
}

#[test]
fn an_id_is_shown_as_it_is_and_quoted_where_it_is_examined() {
    let id = user("bob \"b\"");
    assert_eq!(id.to_string(), "bob \"b\"");
    assert_eq!(format!("{id:?}"), r#""bob \"b\"""#);
}

#[test]
fn a_retry_is_known_by_its_meaning_or_by_what_former_versions_recorded() {
    let key = RequestKey {
        id: RequestId([0; 16]),
        digest: RequestDigest([1; 16]),
        former_digest: RequestDigest([2; 16]),
    };
    assert!(key.is_of(&[1; 16]) && key.is_of(&[2; 16]));
    assert!(!key.is_of(&[3; 16]) && !key.is_of(&[1; 15]) && !key.is_of(&[]));
}
