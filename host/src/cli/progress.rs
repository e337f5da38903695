//! A progress bar for what takes a while, on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};

/// Bytes from which on a bar is worth its place.
const WORTH: u64 = 1 << 20;

/// A bar over `total` bytes; hidden where it is short, and where nobody sees it.
pub(super) fn bar(total: Option<u64>, what: &str) -> ProgressBar {
    let Some(total) = total.filter(|total| *total > WORTH) else { return ProgressBar::hidden() };
    // Drawn to the standard error, and not at all where that is no terminal.
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}");
    ProgressBar::new(total)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what.to_owned())
}
