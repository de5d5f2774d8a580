//! The parameters of the statements about a list.

use crate::{
    domain::{
        ConversationKey, ConversationKind, FolderName, ListFilter, ListPosition, Membership,
        Revision, Selector, Spared, Timestamp, UserId,
    },
    store::{
        database::input::{InputColumn, InputRow},
        entity::value::stored_kind,
    },
};

/// The memberships, as bits of a mask.
pub(super) const MEMBER: i64 = 1;
pub(super) const LEFT: i64 = 2;

const fn bit(membership: Membership) -> i64 {
    match membership {
        Membership::Member => MEMBER,
        Membership::Left => LEFT,
    }
}

/// The user whose list it is, and the filter.
pub(in crate::store) struct Chosen {
    user: UserId,
    /// The kinds, as one mask.
    kinds: i64,
    /// 0 for whatever the marks.
    marks: i64,
    without_marks: i64,
    /// The memberships, as one mask.
    memberships: i64,
    unread_only: bool,
    active_since: Option<Timestamp>,
}

/// Where a part begins, and how long it is.
pub(super) struct Place {
    pins_through: Option<Revision>,
    /// The part begins after this place within the pins.
    after_pin: Option<(Revision, Timestamp, ConversationKey)>,
    /// The part begins after this place below the pins.
    after: Option<(Timestamp, ConversationKey)>,
    limit: usize,
}

/// The part of a selector that is beside its filter, and how many conversations are wanted.
pub(in crate::store) struct Choice {
    includes_pinned: bool,
    includes_unread: bool,
    inactive_before: Option<Timestamp>,
    limit: usize,
}

/// The folder, of a statement that is about one.
pub(super) struct InFolder(pub(super) FolderName);

impl Chosen {
    /// The rows of these kinds that the filter leaves.
    pub(in crate::store) fn new(
        user: &UserId,
        filter: &ListFilter,
        kinds: &[ConversationKind],
    ) -> Self {
        let mask = |mask, kind: &ConversationKind| mask | i64::from(stored_kind(*kind));
        Self {
            user: user.clone(),
            kinds: kinds.iter().fold(0, mask),
            marks: filter.mark.map_or(0, |mark| mark.alone().to_stored()),
            without_marks: filter.without_marks.to_stored(),
            memberships: filter.membership.map_or(MEMBER | LEFT, bit),
            unread_only: filter.unread_only,
            active_since: filter.active_since,
        }
    }

    /// The same with something unread.
    pub(super) fn unread(user: &UserId, filter: &ListFilter, kinds: &[ConversationKind]) -> Self {
        Self {
            unread_only: true,
            ..Self::new(user, filter, kinds)
        }
    }
}

impl Place {
    pub(super) fn new(
        after: Option<&ListPosition>,
        pins_through: Option<Revision>,
        limit: usize,
    ) -> Self {
        let (mut after_pin, mut below) = (None, None);
        if let Some(place) = after {
            let (time, key) = (place.activity.0, ConversationKey::of_bytes(place.key));
            match place.pinned_at.0 {
                Some(pinned_at) => after_pin = Some((pinned_at, time, key)),
                None => below = Some((time, key)),
            }
        }
        Self {
            pins_through,
            after_pin,
            after: below,
            limit,
        }
    }
}

impl Choice {
    pub(in crate::store) fn new(selector: &Selector, limit: usize) -> Self {
        Self {
            includes_pinned: selector.pinned == Spared::Included,
            includes_unread: selector.unread == Spared::Included,
            inactive_before: selector.inactive_before,
            limit,
        }
    }
}

impl InputRow for Chosen {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |chosen| chosen.user.to_string()),
        InputColumn::integer("kinds", |chosen| chosen.kinds),
        InputColumn::integer("marks", |chosen| chosen.marks),
        InputColumn::integer("without_marks", |chosen| chosen.without_marks),
        InputColumn::integer("memberships", |chosen| chosen.memberships),
        InputColumn::integer("unread_only", |chosen| i64::from(chosen.unread_only)),
        InputColumn::optional_integer("active_since", |chosen| {
            chosen.active_since.map(Timestamp::as_micros)
        }),
    ];
}

impl InputRow for Place {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::optional_integer("pins_through", |place| {
            place.pins_through.map(Revision::to_stored)
        }),
        InputColumn::optional_integer("pin_pinned_at", |place| {
            place.after_pin.map(|(pinned_at, ..)| pinned_at.to_stored())
        }),
        InputColumn::optional_integer("pin_time", |place| {
            place.after_pin.map(|(_, time, _)| time.as_micros())
        }),
        InputColumn::optional_bytes("pin_key", |place| {
            place.after_pin.map(|(.., key)| key.to_bytes())
        }),
        InputColumn::optional_integer("after_time", |place| {
            place.after.map(|(time, _)| time.as_micros())
        }),
        InputColumn::optional_bytes("after_key", |place| {
            place.after.map(|(_, key)| key.to_bytes())
        }),
        InputColumn::integer("length", |place| {
            i64::try_from(place.limit).unwrap_or(i64::MAX)
        }),
    ];
}

impl InputRow for Choice {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::integer("includes_pinned", |choice| {
            i64::from(choice.includes_pinned)
        }),
        InputColumn::integer("includes_unread", |choice| {
            i64::from(choice.includes_unread)
        }),
        InputColumn::optional_integer("inactive_before", |choice| {
            choice.inactive_before.map(Timestamp::as_micros)
        }),
        InputColumn::integer("length", |choice| {
            i64::try_from(choice.limit).unwrap_or(i64::MAX)
        }),
    ];
}

impl InputRow for InFolder {
    const COLUMNS: &'static [InputColumn<Self>] =
        &[InputColumn::text("folder", |folder| folder.0.to_string())];
}
