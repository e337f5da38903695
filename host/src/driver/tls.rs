//! TLS: the one provider of cryptography behind every connection, and which servers plugins'
//! connections believe.

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::BuilderVerifierExt as _;
use std::sync::Once;

/// Makes ring the process's provider, once. A provider that an embedding program installed
/// before stays.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            tracing::debug!("the process has a provider of cryptography already");
        }
    });
}

/// A client that believes servers which one of these authorities certified, in PEM, or one of
/// the system's.
///
/// # Errors
///
/// When the certificates cannot be read, or there are none.
pub(crate) fn trusting(
    authorities: Option<&[u8]>,
) -> Result<ClientConfig, Box<dyn std::error::Error + Send + Sync>> {
    install();
    let builder = ClientConfig::builder();
    let Some(pem) = authorities else {
        return Ok(builder.with_platform_verifier()?.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it".into());
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
