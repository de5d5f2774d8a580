//! The names in a client's certificate. Whether they may be believed was decided before: the
//! certificate comes from an authority that `tls_client_ca` lists.
//!
//! An authority vouches for the subject alternative names. The common name is free text, which many let
//! their clients choose, so beside subject alternative names it means nothing.

use std::sync::Arc;

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_cert::{
    Certificate,
    der::Decode as _,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use crate::access::CertificateName;

/// The DNS names of a certificate, in its order, and its URI. Its common name, if it has no subject
/// alternative names of any kind. A certificate that cannot be read has none.
pub(crate) fn of_certificate(certificate: &CertificateDer<'_>) -> Arc<[CertificateName]> {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return Arc::new([]);
    };
    let certificate = certificate.tbs_certificate();
    match certificate.get_extension() {
        Ok(Some((_, SubjectAltName(names)))) if !names.is_empty() => alternative_names(&names),
        Ok(_) => {
            let common_name = certificate.subject().common_name().ok().flatten();
            let common_name = common_name.map(|name| CertificateName::common(&name.value()));
            common_name.into_iter().collect()
        }
        Err(_) => Arc::new([]),
    }
}

fn alternative_names(names: &[GeneralName]) -> Arc<[CertificateName]> {
    let dns_names = names.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(CertificateName::dns(name.as_str())),
        _ => None,
    });
    let mut uris = names.iter().filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(CertificateName::uri(uri.as_str())),
        _ => None,
    });
    // SPIFFE: a certificate with several URIs is nobody's.
    let uri = match (uris.next(), uris.next()) {
        (Some(uri), None) => Some(uri),
        _ => None,
    };
    dns_names.chain(uri).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn names(params: &CertificateParams) -> Arc<[CertificateName]> {
        let key = KeyPair::generate().unwrap();
        of_certificate(params.self_signed(&key).unwrap().der())
    }

    fn with_common_name(mut params: CertificateParams) -> CertificateParams {
        params
            .distinguished_name
            .push(DnType::OrganizationName, "org");
        params
            .distinguished_name
            .push(DnType::CommonName, "Gateway.internal");
        params
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    #[test]
    fn the_common_name_counts_only_without_alternative_names_of_any_kind() {
        let common = with_common_name(CertificateParams::default());
        assert_eq!(
            *names(&common),
            [CertificateName::common("gateway.internal")]
        );

        let address = SanType::IpAddress("10.0.0.1".parse().unwrap());
        let mail = SanType::Rfc822Name("gateway@internal".try_into().unwrap());
        let dns = SanType::DnsName("Attacker.internal".try_into().unwrap());
        for (alternative, expected) in [
            (address, vec![]),
            (mail, vec![]),
            (dns, vec![CertificateName::dns("attacker.internal")]),
            (
                uri("spiffe://a/b"),
                vec![CertificateName::uri("spiffe://a/b")],
            ),
        ] {
            let mut params = with_common_name(CertificateParams::default());
            params.subject_alt_names.push(alternative);
            assert_eq!(names(&params).to_vec(), expected);
        }
    }

    #[test]
    fn dns_names_come_in_their_order_and_then_the_one_uri() {
        let mut params =
            CertificateParams::new(["B.internal".into(), "a.internal".into()]).unwrap();
        params
            .subject_alt_names
            .insert(0, uri("spiffe://Trust/Gateway"));
        let dns = ["b.internal", "a.internal"].map(CertificateName::dns);
        let mut expected = dns.to_vec();
        expected.push(CertificateName::uri("spiffe://Trust/Gateway"));
        assert_eq!(names(&params).to_vec(), expected);

        params.subject_alt_names.push(uri("spiffe://trust/other"));
        assert_eq!(names(&params).to_vec(), dns.to_vec(), "which of the two?");
    }

    #[test]
    fn a_certificate_may_have_no_name() {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        assert_eq!(*names(&params), []);
        assert_eq!(
            *of_certificate(&CertificateDer::from_slice(b"no certificate")),
            []
        );
    }
}
