//! Drivers: connections that stores, the registry and capabilities share.

/// Where data and routes can be written in one transaction.
///
/// Two parts of the node are in the same domain when they share it by clone.
#[derive(Debug, Clone)]
pub struct Domain(std::sync::Arc<u8>);

impl Domain {
    /// A domain of its own.
    #[must_use]
    pub fn unique() -> Self {
        Self(std::sync::Arc::new(0))
    }
}

impl PartialEq for Domain {
    fn eq(&self, other: &Self) -> bool {
        std::sync::Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Domain {}
