//! Lines for the node's log.
//!
//! Whatever a plugin prints, the node logs line by line, with the plugin's name. A line that
//! begins with `ERROR `, `WARN `, `INFO ` or `DEBUG ` has that level; these functions print
//! such lines. A printed line costs a call of the host: log what an operator can act on,
//! never every object.

use std::{fmt::Display, io::Write};

/// Something failed, and somebody should act on it.
pub fn error(message: impl Display) {
    print("ERROR", message);
}

/// Something is odd, and somebody may want to act on it.
pub fn warn(message: impl Display) {
    print("WARN", message);
}

/// Something happened that operators like to know.
pub fn info(message: impl Display) {
    print("INFO", message);
}

/// Something that helps the plugin's author.
pub fn debug(message: impl Display) {
    print("DEBUG", message);
}

fn print(level: &str, message: impl Display) {
    // In one piece, and a lost line is no reason to fail.
    let _ = std::io::stderr().write_all(lines(level, &message.to_string()).as_bytes());
}

fn lines(level: &str, message: &str) -> String {
    message.lines().map(|line| format!("{level} {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_has_its_level() {
        assert_eq!(super::lines("WARN", "a\nb"), "WARN a\nWARN b\n");
    }
}
