//! Whom to trust: the system's authorities, and one's own.

use std::error::Error;
use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::Trouble;

/// Returns a configuration that verifies always: the system's authorities (`SSL_CERT_FILE`, `SSL_CERT_DIR` when set), and those in
/// `own`. Without any it is an error when one is `needed`.
pub(super) fn config(own: Option<&[u8]>, needed: bool) -> Result<ClientConfig, Trouble> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(own) = own {
        let mut found = 0;
        for certificate in CertificateDer::pem_slice_iter(own) {
            let certificate = certificate
                .map_err(|error| unusable(&format!("the CA is no certificate in PEM: {error}")))?;
            roots.add(certificate).map_err(|error| unusable(&format!("the CA: {error}")))?;
            found += 1;
        }
        if found == 0 {
            return Err(unusable("the CA holds no certificate in PEM"));
        }
    }
    if needed && roots.is_empty() {
        let why = system.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        return Err(unusable(&format!("no authority is known to this system{why}")));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Finds what TLS says: it hides inside of an [`io::Error`], which leaves itself out of the chain.
pub(super) fn error_in<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(tls) = error_in(inner)
        {
            return Some(tls);
        }
        next = error.source();
    }
    None
}

/// Returns what an error of TLS means.
pub(super) fn trouble(error: &rustls::Error) -> Trouble {
    match error {
        rustls::Error::InvalidCertificate(_) => Trouble::Untrusted(error.to_string().into()),
        _ => Trouble::Unreachable(format!("failed to agree on TLS: {error}").into()),
    }
}

fn unusable(why: &str) -> Trouble {
    Trouble::Untrusted(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        for own in ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            assert!(
                matches!(config(Some(own.as_bytes()), true), Err(Trouble::Untrusted(_))),
                "{own}"
            );
        }
    }
}
