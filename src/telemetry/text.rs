//! The fields of a log line for a person to read: `name=value`, with a space between any two.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, format::Writer},
};

use super::{EXPORT_PREFIX, bounded::Bounded};

/// The format.
pub(super) struct Text;

impl<'writer> FormatFields<'writer> for Text {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut fields_so_far = Fields {
            writer,
            is_first: true,
            outcome: Ok(()),
        };
        fields.record(&mut fields_so_far);
        fields_so_far.outcome
    }
}

struct Fields<'writer> {
    writer: Writer<'writer>,
    is_first: bool,
    outcome: fmt::Result,
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let name = field.name();
        if name.starts_with(EXPORT_PREFIX) || self.outcome.is_err() {
            return;
        }
        let space = if self.is_first { "" } else { " " };
        self.is_first = false;
        let named = if name == "message" {
            write!(self.writer, "{space}")
        } else {
            write!(self.writer, "{space}{name}=")
        };
        self.outcome = named.and_then(|()| write!(Bounded::new(&mut self.writer), "{value:?}"));
    }
}
