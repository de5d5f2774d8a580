//! The `[[callers]]` of the TOML file: which services may call.
//!
//! They are read by hand, not derived: what a parser says of a value that it cannot use repeats the
//! value, and whoever confuses a token with its digest would find the token in the log.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::ConfigError;
use crate::{
    access::{Caller, Callers, CertificateName, Credential, Role, TokenDigest},
    domain::CallerName,
};

/// What the tables are called in the file.
pub(super) const KEY: &str = "callers";

const NAME: &str = "name";
const TOKEN: &str = "token_sha256";
const CERTIFICATE: &str = "certificate_name";
const ROLES: &str = "roles";

/// The most bytes of a certificate's name: no DNS name has more.
const LONGEST_CERTIFICATE_NAME: usize = 253;

/// The callers that `value` lists, found in `file`.
///
/// # Errors
///
/// When it is no list of callers, or two of them cannot be told apart.
pub(super) fn parse(file: &str, value: Value) -> Result<Callers, ConfigError> {
    let all = format!("{file}: `{KEY}`");
    let Value::Array(tables) = value else {
        return Err(malformed(
            all,
            "expected tables that begin with `[[callers]]`",
        ));
    };
    let mut callers = Vec::with_capacity(tables.len());
    for (index, table) in tables.into_iter().enumerate() {
        let place = format!("{file}: `{KEY}[{index}]`");
        match table {
            Value::Table(table) => callers.push(caller(&place, table)?),
            _ => {
                return Err(malformed(
                    place,
                    "expected a table that begins with `[[callers]]`",
                ));
            }
        }
    }
    Callers::new(callers).map_err(|error| malformed(all, error.to_string()))
}

fn caller(place: &str, mut table: Table) -> Result<Caller, ConfigError> {
    let known = [NAME, TOKEN, CERTIFICATE, ROLES];
    if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(ConfigError::Unknown {
            place: format!("{place}: `{key}`"),
            known: known.join(", "),
        });
    }
    let name = text(place, NAME, &mut table)?;
    let name = name.ok_or_else(|| malformed(place, "`name` is missing"))?;
    let name =
        CallerName::new(&name).map_err(|error| malformed(at(place, NAME), error.to_string()))?;
    let tokens = tokens(place, table.remove(TOKEN))?;
    let certificate = text(place, CERTIFICATE, &mut table)?;
    let credential = match (tokens, certificate) {
        (Some(digests), None) => Credential::Tokens(digests),
        (None, Some(name)) => Credential::Certificate(certificate_name(place, &name)?),
        (Some(_), Some(_)) => {
            let reason =
                "`token_sha256` and `certificate_name` exclude each other; make two callers of it";
            return Err(malformed(place, reason));
        }
        (None, None) => {
            let reason = "`token_sha256` or `certificate_name` must say how the caller is known";
            return Err(malformed(place, reason));
        }
    };
    Ok(Caller {
        name,
        credential,
        roles: roles(place, table.remove(ROLES))?,
    })
}

/// The digest of a token, or a list of them.
fn tokens(place: &str, value: Option<Value>) -> Result<Option<Vec<TokenDigest>>, ConfigError> {
    const EXPECTED: &str = "expected a SHA-256 as 64 hexadecimal digits, or a list of them";
    let place = at(place, TOKEN);
    let values = match value {
        None => return Ok(None),
        Some(Value::Array(values)) => values,
        Some(one) => vec![one],
    };
    let mut digests = Vec::with_capacity(values.len());
    for value in values {
        let Value::String(digits) = value else {
            return Err(malformed(place, EXPECTED));
        };
        let digest = digits.parse();
        let digest: TokenDigest = digest.map_err(|reason: &str| malformed(&*place, reason))?;
        if digests.contains(&digest) {
            return Err(malformed(place, "one token stands there twice"));
        }
        digests.push(digest);
    }
    if digests.is_empty() {
        return Err(malformed(place, EXPECTED));
    }
    Ok(Some(digests))
}

fn certificate_name(place: &str, name: &str) -> Result<CertificateName, ConfigError> {
    let place = at(place, CERTIFICATE);
    if name.is_empty() || name.trim() != name || name.chars().any(char::is_control) {
        return Err(malformed(
            place,
            "expected a name, such as `gateway.internal`",
        ));
    }
    if name.len() > LONGEST_CERTIFICATE_NAME {
        let reason = format!("expected at most {LONGEST_CERTIFICATE_NAME} bytes");
        return Err(malformed(place, reason));
    }
    if name.contains('*') {
        return Err(malformed(
            place,
            "expected one whole name: `*` does not stand for others",
        ));
    }
    Ok(CertificateName::new(name))
}

fn roles(place: &str, value: Option<Value>) -> Result<BTreeSet<Role>, ConfigError> {
    const EXPECTED: &str = "expected a list of at least one of `conversations` and `pipeline`";
    let place = at(place, ROLES);
    let Some(Value::Array(values)) = value else {
        return Err(malformed(place, EXPECTED));
    };
    let mut roles = BTreeSet::new();
    for value in values {
        let Value::String(role) = value else {
            return Err(malformed(place, EXPECTED));
        };
        let role: Role = role
            .parse()
            .map_err(|reason: &str| malformed(&*place, reason))?;
        if !roles.insert(role) {
            return Err(malformed(
                place,
                format!("`{}` stands there twice", role.as_str()),
            ));
        }
    }
    if roles.is_empty() {
        return Err(malformed(place, EXPECTED));
    }
    Ok(roles)
}

/// The text under `key`, if there is something.
fn text(place: &str, key: &str, table: &mut Table) -> Result<Option<String>, ConfigError> {
    match table.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => {
            let reason = format!("expected a text, not {}", other.type_str());
            Err(malformed(at(place, key), reason))
        }
    }
}

fn at(place: &str, key: &str) -> String {
    format!("{place}: `{key}`")
}

fn malformed(place: impl Into<String>, reason: impl Into<String>) -> ConfigError {
    ConfigError::Malformed {
        place: place.into(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests;
