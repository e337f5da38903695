//! What a chain calls itself and its plugins.

/// What stands between the names of a chain's plugins.
const JOIN: &str = "+";

/// How a refusal names its plugin.
const OF_THE_CHAIN: &str = " of the chain: ";

/// A name, or a version, of both.
#[must_use]
pub fn joined(first: &str, second: &str) -> String {
    format!("{first}{JOIN}{second}")
}

/// Why the first plugin refuses its settings. Where it is a chain itself, it has named the plugin.
#[must_use]
pub fn first_refuses(error: &str) -> String {
    match error.starts_with("plugin ") && error.contains(OF_THE_CHAIN) {
        true => error.to_owned(),
        false => refusal(1, error),
    }
}

/// Why the second plugin refuses its settings, behind a first one of this name.
#[must_use]
pub fn second_refuses(first: &str, error: &str) -> String {
    refusal(first.split(JOIN).count() + 1, error)
}

fn refusal(number: usize, error: &str) -> String {
    format!("plugin {number}{OF_THE_CHAIN}{error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_which_plugin_of_a_chain_of_any_length_it_was() {
        let error = first_refuses("dedup_window is no duration");
        assert_eq!(error, "plugin 1 of the chain: dedup_window is no duration");
        assert_eq!(first_refuses(&error), error);
        assert_eq!(second_refuses("inspect", "x"), "plugin 2 of the chain: x");
        assert_eq!(second_refuses(&joined("inspect", "dedup"), "x"), "plugin 3 of the chain: x");
    }
}
