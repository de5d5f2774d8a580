//! Where a probe asks.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use http::{
    Uri,
    uri::{Authority, Scheme},
};

/// Where to ask: `host:port`, `http://host:port` or `https://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeAddress {
    authority: Authority,
    scheme: Option<Scheme>,
}

/// A text that is not an address to probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `host:port`, `http://host:port` or `https://host:port`")]
pub struct ProbeAddressError;

impl ProbeAddress {
    /// Whether the connection is to be protected by TLS; `None` if the address does not say.
    pub fn is_protected(&self) -> Option<bool> {
        self.scheme.as_ref().map(|scheme| *scheme == Scheme::HTTPS)
    }

    pub(super) fn uri(&self, is_protected: bool) -> Uri {
        Uri::builder()
            .scheme(if is_protected {
                Scheme::HTTPS
            } else {
                Scheme::HTTP
            })
            .authority(self.authority.clone())
            .path_and_query("/")
            .build()
            .expect("a scheme, an authority and a path are a URI")
    }
}

impl FromStr for ProbeAddress {
    type Err = ProbeAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let has_scheme = text.contains("://");
        let text = if has_scheme {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let uri: Uri = text.parse().map_err(|_| ProbeAddressError)?;
        let has_more = uri.path() != "/" || uri.query().is_some();
        let parts = uri.into_parts();
        let (scheme, authority) = parts.scheme.zip(parts.authority).ok_or(ProbeAddressError)?;
        let is_known = [Scheme::HTTP, Scheme::HTTPS].contains(&scheme);
        let is_complete = !authority.host().is_empty() && authority.port_u16().is_some();
        let has_user = authority.as_str().contains('@');
        if is_known && is_complete && !has_user && !has_more {
            Ok(Self {
                authority,
                scheme: has_scheme.then_some(scheme),
            })
        } else {
            Err(ProbeAddressError)
        }
    }
}

/// Where a server that listens on `listen` can be reached from the same machine.
impl TryFrom<SocketAddr> for ProbeAddress {
    type Error = ProbeAddressError;

    fn try_from(listen: SocketAddr) -> Result<Self, Self::Error> {
        let ip = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, listen.port()).to_string().parse()
    }
}

impl fmt::Display for ProbeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.authority.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_with_or_without_the_scheme() {
        for (text, is_protected) in [
            ("localhost:50051", None),
            ("10.0.0.1:1", None),
            ("http://localhost:50051", Some(false)),
            ("http://[::1]:50051/", Some(false)),
            ("https://localhost:50051", Some(true)),
            ("HTTPS://[::1]:50051/", Some(true)),
        ] {
            let address: ProbeAddress = text.parse().unwrap();
            assert_eq!(address.is_protected(), is_protected, "{text}");
        }
        for text in [
            "",
            "localhost",
            ":50051",
            "https://localhost",
            "http://localhost:50051/path",
            "https://me@localhost:50051",
            "ftp://localhost:50051",
            "unix:///socket",
        ] {
            assert_eq!(
                text.parse::<ProbeAddress>(),
                Err(ProbeAddressError),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_connected_to_has_the_scheme_that_was_decided_on() {
        let address: ProbeAddress = "localhost:50051".parse().unwrap();
        assert_eq!(address.uri(false), "http://localhost:50051/");
        assert_eq!(address.uri(true), "https://localhost:50051/");
    }

    #[test]
    fn a_server_on_every_interface_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:50051", "127.0.0.1:50051"),
            ("[::]:50051", "[::1]:50051"),
            ("10.0.0.1:50051", "10.0.0.1:50051"),
        ] {
            let listen: SocketAddr = listen.parse().unwrap();
            assert_eq!(ProbeAddress::try_from(listen).unwrap().to_string(), asked);
        }
    }
}
