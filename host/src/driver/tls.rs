//! The one provider of cryptography behind every TLS connection.

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
