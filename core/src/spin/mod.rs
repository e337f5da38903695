//! The worker on Spin as manifests describe it: what its variables are called, and which URLs
//! they may hold.

#[cfg(feature = "hosts")]
mod address;

#[cfg(feature = "hosts")]
pub use address::{Address, RedisAddress};

/// The ids of the instances, with commas between.
pub const INSTANCES: &str = "instances";

/// The URL of the registry.
pub const REGISTRY: &str = "registry";

/// The hosts that `allowed_outbound_hosts` has, with spaces between.
pub const ALLOWED_HOSTS: &str = "allowed_hosts";

/// The kind of an object whose sender named neither kind nor instance.
pub const DEFAULT_KIND: &str = "default_kind";

/// The instance for `in-memory` objects.
pub const DEFAULT_IN_MEMORY: &str = "default_in_memory";

/// The instance for `storage` objects.
pub const DEFAULT_STORAGE: &str = "default_storage";

/// The instance for `stream` objects.
pub const DEFAULT_STREAM: &str = "default_stream";

/// The bytes that an object may have.
pub const MAX_OBJECT: &str = "max_object";

/// The seconds that an object may be on its way.
pub const DEADLINE: &str = "deadline_seconds";

/// The digest of the serializer's component, `sha256:…`, for records of codecs.
pub const SERIALIZE_DIGEST: &str = "serialize_digest";

/// The scheme of Spin's key-value stores: `kv:` is the store `default`, `kv:other` another one.
pub const KEY_VALUE: &str = "kv";

/// The key-value store whose URL names none.
pub const DEFAULT_STORE: &str = "default";

/// The variable with the URL of an instance: its id in lower-case letters, digits and single
/// underscores, as Spin wants it.
#[must_use]
pub fn instance_variable(framedb_id: &str) -> String {
    let mut name = "instance".to_owned();
    let mut gap = true;
    for letter in framedb_id.chars() {
        if letter.is_ascii_alphanumeric() {
            if gap {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        gap = !letter.is_ascii_alphanumeric();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::instance_variable;

    #[test]
    fn a_variable_has_letters_digits_and_single_underscores() {
        assert_eq!(instance_variable("memory"), "instance_memory");
        assert_eq!(instance_variable("--Redis.-1_"), "instance_redis_1");
        assert_eq!(instance_variable("ü"), "instance");
    }
}
