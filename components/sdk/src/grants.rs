//! Calls that a host does not allow.

/// Whether the error of a call into a capability says that the plugin's grants do not have it:
/// trying again changes nothing, until the operator changes them. Nodes say so in the text.
#[must_use]
pub fn is_not_granted(error: &str) -> bool {
    // What hosts say of an address that a granted name leads to has the last words alone.
    let said = [" is not granted", " are not granted", "; to allow it, add "];
    said.iter().any(|said| error.contains(said))
}

#[cfg(test)]
mod tests {
    use super::is_not_granted;

    #[test]
    fn what_is_refused_is_told_from_what_fails() {
        assert!(is_not_granted("the key `a` is not granted to HMGET; to allow it, add …"));
        assert!(is_not_granted("requests to `a` are not granted; to allow them, add …"));
        let leads = "a host of `a` leads to a loopback address; to allow it, add to the …";
        assert!(is_not_granted(leads));
        assert!(!is_not_granted("cannot use the Redis `hot`: it does not answer"));
    }
}
