//! Callers: the services that the settings name, how each proves its identity, and what it may do.
//!
//! A caller is a service of the operator's, not a user of the product: it acts for every user. It is
//! known by one credential, a bearer token or the name in its client certificate, and has roles.
//!
//! Invariants:
//! - Of a token only the SHA-256 is known, and nothing prints that either.
//! - A token is compared with those of all callers in a time that does not depend on any of them.
//! - No two callers have a name or a credential in common, so a credential means one caller.
//!
//! The methods that each role may call are listed in `grpc::access`, where calls come in.
//!
//! Deliberately absent: a way to change callers but by the settings file, which is read again when it
//! changes ([`crate::reload`]); and the hashing of passwords. A token is no password: it is random, and
//! nothing but its length is needed to keep it from being guessed.

use std::{collections::BTreeSet, fmt, net::SocketAddr, str::FromStr, sync::Arc};

use ring::digest;
use subtle::ConstantTimeEq as _;

use crate::domain::CallerName;

/// A service that may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its name in the log and in the record of a change.
    pub name: CallerName,
    /// How it proves its identity.
    pub credential: Credential,
    /// The roles that it has.
    pub roles: BTreeSet<Role>,
}

/// How a caller proves its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// By a bearer token of one of these digests: while a token is replaced, the old and the new one.
    Tokens(Vec<TokenDigest>),
    /// By a client certificate with this name.
    Certificate(CertificateName),
}

/// A set of methods that a caller may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Handle the conversations of users, and read their messages.
    Conversations,
    /// Feed in messages, add and remove members of groups, and read messages.
    Pipeline,
}

/// The SHA-256 of a bearer token.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; digest::SHA256_OUTPUT_LEN]);

/// A name that a certificate may carry. Names of different kinds are different, even with the same text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateName {
    /// A DNS name among its subject alternative names. Upper and lower case mean the same.
    Dns(String),
    /// The URI among its subject alternative names, as a SPIFFE ID is. It is compared byte for byte.
    Uri(String),
    /// The common name of its subject, if it has no subject alternative names. Upper and lower case mean
    /// the same.
    Common(String),
}

/// All callers. Without any, everyone may call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callers(Vec<Caller>);

/// Two callers that cannot be distinguished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallersError {
    /// They have one name.
    #[error("two callers are named `{0}`")]
    Name(CallerName),
    /// They have one token, or one certificate's name.
    #[error("`{0}` and `{1}` have the same credential")]
    Credential(CallerName, CallerName),
}

/// The other end of a connection, as far as the connection tells.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Where it connects from.
    pub address: Option<SocketAddr>,
    /// The names in its certificate, which has been verified; `None` if it has shown none.
    pub certificate: Option<Arc<[CertificateName]>>,
}

impl Callers {
    /// These callers.
    ///
    /// # Errors
    ///
    /// A [`CallersError`] if two of them have a name or a credential in common.
    pub fn new(callers: Vec<Caller>) -> Result<Self, CallersError> {
        for (index, caller) in callers.iter().enumerate() {
            for earlier in &callers[..index] {
                if earlier.name == caller.name {
                    return Err(CallersError::Name(caller.name.clone()));
                }
                if earlier.credential.overlaps(&caller.credential) {
                    let (earlier, name) = (earlier.name.clone(), caller.name.clone());
                    return Err(CallersError::Credential(earlier, name));
                }
            }
        }
        Ok(Self(callers))
    }

    /// Whether no caller is named, so that everyone may call.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many callers there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// A caller that is known by a token, if there is any.
    pub fn with_token(&self) -> Option<&Caller> {
        let mut callers = self.0.iter();
        callers.find(|caller| matches!(caller.credential, Credential::Tokens(_)))
    }

    /// A caller that is known by its certificate, if there is any.
    pub fn with_certificate(&self) -> Option<&Caller> {
        let mut callers = self.0.iter();
        callers.find(|caller| matches!(caller.credential, Credential::Certificate(_)))
    }

    /// The caller that has this token.
    pub fn by_token(&self, token: &[u8]) -> Option<&Caller> {
        let presented = TokenDigest::of(token);
        let mut found = None;
        // All of them are looked at: when one is found says nothing of where it stands.
        for caller in &self.0 {
            if let Credential::Tokens(digests) = &caller.credential {
                for digest in digests {
                    if *digest == presented {
                        found = Some(caller);
                    }
                }
            }
        }
        found
    }

    /// The caller of a certificate with these names: the first name that belongs to a caller counts.
    pub fn by_certificate(&self, names: &[CertificateName]) -> Option<&Caller> {
        names.iter().find_map(|name| {
            let mut callers = self.0.iter();
            callers.find(|caller| match &caller.credential {
                Credential::Certificate(of_caller) => of_caller == name,
                Credential::Tokens(_) => false,
            })
        })
    }
}

impl Credential {
    /// Whether something is a proof of both.
    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tokens(own), Self::Tokens(others)) => {
                own.iter().any(|digest| others.contains(digest))
            }
            (Self::Certificate(own), Self::Certificate(other)) => own == other,
            (Self::Tokens(_), Self::Certificate(_)) | (Self::Certificate(_), Self::Tokens(_)) => {
                false
            }
        }
    }
}

impl Role {
    /// How the settings and the answers to callers spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conversations => "conversations",
            Self::Pipeline => "pipeline",
        }
    }
}

impl FromStr for Role {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "conversations" => Ok(Self::Conversations),
            "pipeline" => Ok(Self::Pipeline),
            _ => Err("expected `conversations` or `pipeline`"),
        }
    }
}

impl TokenDigest {
    /// The digest of a token.
    pub fn of(token: &[u8]) -> Self {
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, token).as_ref());
        Self(bytes)
    }
}

/// Reads the hexadecimal form.
impl FromStr for TokenDigest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a SHA-256 as 64 hexadecimal digits";
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return Err(EXPECTED);
        };
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        if pairs.len() != bytes.len() {
            return Err(EXPECTED);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = 16 * hexadecimal(*high).ok_or(EXPECTED)? + hexadecimal(*low).ok_or(EXPECTED)?;
        }
        if Self(bytes) == Self::of(b"") {
            return Err("this is the SHA-256 of nothing: the token was empty when it was hashed");
        }
        Ok(Self(bytes))
    }
}

/// The value of a hexadecimal digit.
fn hexadecimal(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// In a time that depends on neither.
impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for TokenDigest {}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

impl CertificateName {
    /// The DNS name `text`.
    pub fn dns(text: &str) -> Self {
        Self::Dns(text.to_ascii_lowercase())
    }

    /// The URI `text`.
    pub fn uri(text: &str) -> Self {
        Self::Uri(text.to_owned())
    }

    /// The common name `text`.
    pub fn common(text: &str) -> Self {
        Self::Common(text.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests;
