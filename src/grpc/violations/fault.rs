//! The name of each fault of a field, so that a program can tell it without reading the description.

use std::fmt;

use crate::{
    domain::{
        Batch, BatchError, BodyError, ConversationIdError, CustomData, CustomDataError, IdError,
        MarksError, MessageBody, PageSizeError,
    },
    grpc::{page_token::BadPageToken, plan::BadPlan},
    proto::ViolationReason,
};

/// A fault of one field. Its text is the description.
pub(in crate::grpc) trait Fault: fmt::Display {
    /// The kind of the fault.
    fn reason(&self) -> ViolationReason;

    /// The values that the description names, by their names.
    fn values(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// A fault that is found where the request is parsed.
#[derive(Debug)]
pub(in crate::grpc) struct Found<D>(pub(in crate::grpc) ViolationReason, pub(in crate::grpc) D);

/// A list with more items than a batch takes.
#[derive(Debug)]
pub(in crate::grpc) struct TooMany {
    pub(in crate::grpc) items: usize,
}

/// An item that repeats the one at this path.
#[derive(Debug)]
pub(in crate::grpc) struct Repeats(pub(in crate::grpc) String);

impl<D: fmt::Display> Fault for Found<D> {
    fn reason(&self) -> ViolationReason {
        self.0
    }
}

impl<D: fmt::Display> fmt::Display for Found<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.fmt(f)
    }
}

impl Fault for TooMany {
    fn reason(&self) -> ViolationReason {
        ViolationReason::TooMany
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        vec![
            ("limit", Batch::MAX.to_string()),
            ("items", self.items.to_string()),
        ]
    }
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; it has {}", BatchError::TooMany, self.items)
    }
}

impl Fault for Repeats {
    fn reason(&self) -> ViolationReason {
        ViolationReason::Duplicate
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        vec![("first", self.0.clone())]
    }
}

impl fmt::Display for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "repeats {}", self.0)
    }
}

impl Fault for BatchError {
    fn reason(&self) -> ViolationReason {
        match self {
            Self::Empty => ViolationReason::Required,
            Self::TooMany => ViolationReason::TooMany,
            Self::Duplicate => ViolationReason::Duplicate,
        }
    }
}

impl Fault for IdError {
    fn reason(&self) -> ViolationReason {
        match self {
            Self::Empty => ViolationReason::Required,
            Self::TooLong { .. } => ViolationReason::TooLong,
            Self::ControlCharacter | Self::OuterWhiteSpace => ViolationReason::Malformed,
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TooLong { limit } => vec![("limit", limit.to_string())],
            Self::Empty | Self::ControlCharacter | Self::OuterWhiteSpace => Vec::new(),
        }
    }
}

impl Fault for ConversationIdError {
    fn reason(&self) -> ViolationReason {
        match self {
            Self::UnknownForm => ViolationReason::Malformed,
            Self::Id(error) => error.reason(),
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::UnknownForm => Vec::new(),
            Self::Id(error) => error.values(),
        }
    }
}

impl Fault for MarksError {
    fn reason(&self) -> ViolationReason {
        match self {
            Self::Unknown => ViolationReason::UnknownValue,
            Self::NotOne => ViolationReason::Malformed,
            Self::Nothing => ViolationReason::Required,
            Self::Both => ViolationReason::Conflict,
        }
    }
}

impl Fault for BodyError {
    fn reason(&self) -> ViolationReason {
        match self {
            Self::TooLong => ViolationReason::TooLong,
            Self::NotUtf8 => ViolationReason::Malformed,
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TooLong => vec![("limit", MessageBody::MAX_BYTES.to_string())],
            Self::NotUtf8 => Vec::new(),
        }
    }
}

impl Fault for CustomDataError {
    fn reason(&self) -> ViolationReason {
        ViolationReason::TooLong
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        vec![("limit", CustomData::MAX_BYTES.to_string())]
    }
}

impl Fault for PageSizeError {
    fn reason(&self) -> ViolationReason {
        ViolationReason::OutOfRange
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        vec![("limit", self.limit.to_string())]
    }
}

impl Fault for BadPlan {
    fn reason(&self) -> ViolationReason {
        ViolationReason::Malformed
    }
}

impl Fault for BadPageToken {
    fn reason(&self) -> ViolationReason {
        ViolationReason::Malformed
    }
}
