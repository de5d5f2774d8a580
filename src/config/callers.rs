//! The `[[callers]]` of the TOML file: which services may call.
//!
//! They are read by hand, not derived: a parser that cannot use a value repeats it in its message, and the
//! log would show the token of an operator who confuses a token with its digest.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::{ConfigError, error::shown_key};
use crate::{
    access::{Caller, Callers, CertificateName, Credential, Role, TokenDigest},
    domain::CallerName,
};

/// The name of the tables in the file.
pub(super) const KEY: &str = "callers";

const NAME: &str = "name";
const TOKEN: &str = "token_sha256";
const CERTIFICATE: &str = "certificate_name";
const COMMON_NAME: &str = "certificate_common_name";
const ROLES: &str = "roles";

/// The most bytes of a DNS name or a common name in a certificate.
const LONGEST_NAME: usize = 253;
/// The most bytes of a URI in a certificate: no SPIFFE ID has more.
const LONGEST_URI: usize = 2048;
/// The part of a name that tells a URI from other names.
const OF_URI: &str = "://";

/// The callers that `value` lists, found in `file`.
///
/// # Errors
///
/// When it is no list of callers, or two of them cannot be distinguished.
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
    let known = [NAME, TOKEN, CERTIFICATE, COMMON_NAME, ROLES];
    if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(ConfigError::Unknown {
            place: format!("{place}: `{}`", shown_key(key)),
            known: known.join(", "),
        });
    }
    let name = text(place, NAME, &mut table)?;
    let name = name.ok_or_else(|| malformed(place, "`name` is missing"))?;
    let name =
        CallerName::new(&name).map_err(|error| malformed(at(place, NAME), error.to_string()))?;
    let tokens = tokens(place, table.remove(TOKEN))?;
    let certificate = text(place, CERTIFICATE, &mut table)?;
    let common_name = text(place, COMMON_NAME, &mut table)?;
    let credential = match (tokens, certificate, common_name) {
        (Some(digests), None, None) => Credential::Tokens(digests),
        (None, Some(name), None) => Credential::Certificate(certificate_name(place, &name)?),
        (None, None, Some(name)) => Credential::Certificate(common_name_of(place, &name)?),
        (None, None, None) => {
            let reason = "`token_sha256`, `certificate_name` or `certificate_common_name` must say how the \
                          caller is known";
            return Err(malformed(place, reason));
        }
        _ => {
            let reason = "`token_sha256`, `certificate_name` and `certificate_common_name` exclude each \
                          other; make two callers of it";
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

/// A DNS name, or a URI.
fn certificate_name(place: &str, name: &str) -> Result<CertificateName, ConfigError> {
    let place = at(place, CERTIFICATE);
    let is_uri = name.contains(OF_URI);
    let most = if is_uri { LONGEST_URI } else { LONGEST_NAME };
    check_name(
        &place,
        name,
        most,
        "`gateway.internal` or `spiffe://internal/gateway`",
    )?;
    Ok(if is_uri {
        CertificateName::uri(name)
    } else {
        CertificateName::dns(name)
    })
}

fn common_name_of(place: &str, name: &str) -> Result<CertificateName, ConfigError> {
    let place = at(place, COMMON_NAME);
    check_name(&place, name, LONGEST_NAME, "`gateway.internal`")?;
    Ok(CertificateName::common(name))
}

fn check_name(place: &str, name: &str, most: usize, example: &str) -> Result<(), ConfigError> {
    if name.is_empty() || name.trim() != name || name.chars().any(char::is_control) {
        let reason = format!("expected a name, such as {example}");
        return Err(malformed(place, reason));
    }
    if name.len() > most {
        let reason = format!("expected at most {most} bytes");
        return Err(malformed(place, reason));
    }
    if name.contains('*') {
        let reason = "expected one whole name: `*` does not stand for others";
        return Err(malformed(place, reason));
    }
    Ok(())
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
