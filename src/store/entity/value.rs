//! How values of the domain stand in columns.
//!
//! A value that does not parse is an error of its column ([`Unparsable`]), which `database::row` turns into
//! `StoreError::Inconsistent`.

use std::{fmt, sync::Arc};

use sea_orm::{
    ColIdx, DbErr, QueryResult, TryFromU64, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};

use crate::domain::{
    CallerName, CanonicalId, ClientId, ClientMessageId, ConversationKey, ConversationKind,
    CustomData, FolderName, Marks, PayloadType, Reappearance, RequestDigest, RequestId, Revision,
    Seq, Synchronisation, Timestamp, UserId,
};

use super::kind::StoredKind;

/// 0 or 1, which both databases read alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Flag(pub(in crate::store) bool);

/// The sender of a message; an empty text is the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Sender(pub(in crate::store) Option<UserId>);

/// The content of a message.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::store) struct Content(pub(in crate::store) Vec<u8>);

/// The size, and never what it says.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.0.len())
    }
}

/// The value of a column of JSON.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) struct Json<T>(pub(in crate::store) T);

/// The column of this name does not hold what the service writes there.
#[derive(Debug, thiserror::Error)]
#[error("column {0} does not parse")]
pub(in crate::store) struct Unparsable(pub(in crate::store) String);

impl Unparsable {
    /// The text about a value whose column is named elsewhere.
    const VALUE: &str = "a stored value does not parse";
}

fn unparsable<T>(column: impl ColIdx) -> Result<T, TryGetError> {
    let name = column.as_str().map(str::to_owned);
    let name = name.unwrap_or_else(|| format!("{column:?}"));
    Err(TryGetError::DbErr(DbErr::TryIntoErr {
        from: "a stored value",
        into: std::any::type_name::<T>(),
        source: Arc::new(Unparsable(name)),
    }))
}

/// Lets a type be a column: what is stored for it, the type of the column, and the way there and back.
macro_rules! column {
    ($domain:ty as $stored:ty, $column:ident, $to_stored:expr, $from_stored:expr) => {
        impl From<$domain> for Value {
            fn from(value: $domain) -> Self {
                let to_stored: fn($domain) -> $stored = $to_stored;
                to_stored(value).into()
            }
        }

        impl TryGetable for $domain {
            fn try_get_by<I: ColIdx>(row: &QueryResult, column: I) -> Result<Self, TryGetError> {
                let from_stored: fn($stored) -> Option<$domain> = $from_stored;
                let stored = <$stored>::try_get_by(row, column)?;
                from_stored(stored).map_or_else(|| unparsable(column), Ok)
            }
        }

        impl ValueType for $domain {
            fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
                let from_stored: fn($stored) -> Option<$domain> = $from_stored;
                from_stored(<$stored as ValueType>::try_from(value)?).ok_or(ValueTypeErr)
            }

            fn type_name() -> String {
                stringify!($domain).to_owned()
            }

            fn array_type() -> ArrayType {
                <$stored>::array_type()
            }

            fn column_type() -> ColumnType {
                ColumnType::$column
            }
        }

        impl Nullable for $domain {
            fn null() -> Value {
                <$stored>::null()
            }
        }

        impl<'de> Deserialize<'de> for $domain {
            fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
                let from_stored: fn($stored) -> Option<$domain> = $from_stored;
                let stored = <$stored as Gathered>::read(json)?;
                from_stored(stored).ok_or_else(|| D::Error::custom(Unparsable::VALUE))
            }
        }

        /// No database gives out keys.
        impl TryFromU64 for $domain {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($domain)))
            }
        }
    };
}

/// The same of identifiers.
macro_rules! id_column {
    ($($id:ty),*) => {
        $(column!($id as String, Text, |id| id.as_str().to_owned(), |text| <$id>::new(&text).ok());)*
    };
}

id_column!(
    UserId,
    ClientId,
    ClientMessageId,
    PayloadType,
    FolderName,
    CallerName
);
column!(
    CanonicalId as String,
    Text,
    CanonicalId::into_text,
    |text| Some(CanonicalId::from_stored(text))
);
column!(
    Sender as String,
    Text,
    |Sender(sender)| sender.map_or_else(String::new, |sender| sender.as_str().to_owned()),
    |text| match text.as_str() {
        "" => Some(Sender(None)),
        text => Some(Sender(Some(UserId::new(text).ok()?))),
    }
);
column!(Seq as i64, BigInteger, Seq::to_stored, Seq::from_stored);
column!(
    Revision as i64,
    BigInteger,
    Revision::to_stored,
    Revision::from_stored
);
column!(
    Timestamp as i64,
    BigInteger,
    Timestamp::as_micros,
    |micros| Some(Timestamp::from_micros(micros))
);
column!(Marks as i64, BigInteger, Marks::to_stored, |bits| Some(
    Marks::from_stored(bits)
));
column!(
    Flag as i16,
    SmallInteger,
    |flag| flag.0.into(),
    |flag| Some(Flag(flag != 0))
);
column!(
    StoredKind as i16,
    SmallInteger,
    |kind| kind as i16,
    StoredKind::from_stored
);
// One bit each, so that several are a mask.
column!(
    ConversationKind as i16,
    SmallInteger,
    stored_kind,
    |bit| match bit {
        1 => Some(ConversationKind::C2c),
        2 => Some(ConversationKind::Group),
        4 => Some(ConversationKind::System),
        _ => None,
    }
);
column!(
    Reappearance as i16,
    SmallInteger,
    stored_reappearance,
    |stays_away| Some(reappearance(stays_away.into()))
);
column!(
    Synchronisation as i16,
    SmallInteger,
    stored_synchronisation,
    |synced| match synced {
        0 => Some(Synchronisation::OriginOnly),
        _ => Some(Synchronisation::OtherClients),
    }
);
column!(
    ConversationKey as Vec<u8>,
    Blob,
    ConversationKey::to_bytes,
    |bytes| ConversationKey::from_stored(&bytes)
);
column!(
    RequestId as Vec<u8>,
    Blob,
    |id| id.0.to_vec(),
    |bytes| Some(RequestId(bytes.try_into().ok()?))
);
column!(
    RequestDigest as Vec<u8>,
    Blob,
    |digest| digest.0.to_vec(),
    |bytes| Some(RequestDigest(bytes.try_into().ok()?))
);
column!(
    CustomData as Vec<u8>,
    Blob,
    CustomData::into_bytes,
    |bytes| CustomData::new(bytes).ok()
);
column!(Content as Vec<u8>, Blob, |content| content.0, |bytes| Some(
    Content(bytes)
));

impl<T: DeserializeOwned> TryGetable for Json<T> {
    fn try_get_by<I: ColIdx>(row: &QueryResult, column: I) -> Result<Self, TryGetError> {
        let text = String::try_get_by(row, column)?;
        serde_json::from_str(&text).map_or_else(|_| unparsable(column), |value| Ok(Self(value)))
    }
}

/// A stored value in JSON, as `database::gathered` writes it.
trait Gathered: Sized {
    fn read<'de, D: Deserializer<'de>>(json: D) -> Result<Self, D::Error>;
}

impl Gathered for i16 {
    fn read<'de, D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        Self::deserialize(json)
    }
}

impl Gathered for i64 {
    fn read<'de, D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        Self::deserialize(json)
    }
}

impl Gathered for String {
    fn read<'de, D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        Self::deserialize(json)
    }
}

impl Gathered for Vec<u8> {
    fn read<'de, D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(json)?;
        let (pairs, rest) = digits.as_bytes().as_chunks();
        let bytes = pairs
            .iter()
            .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
        match (bytes.collect(), rest) {
            (Some(bytes), []) => Ok(bytes),
            _ => Err(D::Error::custom(Unparsable::VALUE)),
        }
    }
}

/// The value of a hexadecimal digit, as SQLite writes it.
const fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Json<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        T::deserialize(json).map(Self)
    }
}

/// The number of a kind of conversation: one bit, so that several are a mask.
pub(in crate::store) const fn stored_kind(kind: ConversationKind) -> i16 {
    match kind {
        ConversationKind::C2c => 1,
        ConversationKind::Group => 2,
        ConversationKind::System => 4,
    }
}

/// The rule that is stored as this number.
pub(in crate::store) const fn reappearance(stays_away: i64) -> Reappearance {
    match stays_away {
        0 => Reappearance::OnMessage,
        _ => Reappearance::Never,
    }
}

/// The number that [`reappearance`] reads.
pub(in crate::store) const fn stored_reappearance(reappearance: Reappearance) -> i16 {
    match reappearance {
        Reappearance::OnMessage => 0,
        Reappearance::Never => 1,
    }
}

/// The number of whether other clients are notified.
pub(in crate::store) const fn stored_synchronisation(synchronisation: Synchronisation) -> i16 {
    match synchronisation {
        Synchronisation::OriginOnly => 0,
        Synchronisation::OtherClients => 1,
    }
}
