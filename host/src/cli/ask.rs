//! Questions to the person at the terminal.

use super::error::Misuse;
use anyhow::{Context as _, Result};
use std::io::{self, IsTerminal as _, Write as _};

/// Asks whether to remove so many things for good.
pub(super) fn remove(number: usize) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Misuse("there is nobody to ask: add --yes to remove them".into()).into());
    }
    let mut stderr = io::stderr();
    write!(stderr, "remove {number} of them for good? [y/N] ").context("cannot ask")?;
    stderr.flush().context("cannot ask")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
