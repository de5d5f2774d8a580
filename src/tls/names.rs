//! The names in a client's certificate. Whether they may be believed was decided before: the
//! certificate comes from an authority that `tls_client_ca` lists.

use std::sync::Arc;

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_cert::{
    Certificate, TbsCertificate,
    der::Decode as _,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use crate::access::CertificateName;

/// The DNS names of a certificate, in its order, and then its common name. A certificate that cannot
/// be read has none.
pub(crate) fn of_certificate(certificate: &CertificateDer<'_>) -> Arc<[CertificateName]> {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return Arc::new([]);
    };
    let subject = certificate.tbs_certificate();
    let common_name = subject.subject().common_name().ok().flatten();
    let common_name = common_name.map(|name| CertificateName::new(&name.value()));
    dns_names(subject).into_iter().chain(common_name).collect()
}

fn dns_names(certificate: &TbsCertificate) -> Vec<CertificateName> {
    let Ok(Some((_, SubjectAltName(names)))) = certificate.get_extension() else {
        return Vec::new();
    };
    let dns_name = |name| match name {
        GeneralName::DnsName(name) => Some(CertificateName::new(name.as_str())),
        _ => None,
    };
    names.into_iter().filter_map(dns_name).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn names(params: &CertificateParams) -> Arc<[CertificateName]> {
        let key = KeyPair::generate().unwrap();
        of_certificate(params.self_signed(&key).unwrap().der())
    }

    #[test]
    fn dns_names_come_before_the_common_name_and_nothing_else_counts() {
        let mut params =
            CertificateParams::new(["B.internal".into(), "a.internal".into()]).unwrap();
        let address = SanType::IpAddress("10.0.0.1".parse().unwrap());
        let mail = SanType::Rfc822Name("gateway@internal".try_into().unwrap());
        params.subject_alt_names.extend([address, mail]);
        params
            .distinguished_name
            .push(DnType::OrganizationName, "org");
        params
            .distinguished_name
            .push(DnType::CommonName, "The Gateway");
        let expected = ["b.internal", "a.internal", "the gateway"].map(CertificateName::new);
        assert_eq!(*names(&params), expected);
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
