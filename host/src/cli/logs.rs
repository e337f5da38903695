//! Logs, which only the binary installs.

use anyhow::Result;
use framedb_host::{Error, ErrorKind, LogFormat};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::EnvFilter;

/// Libraries that say more than an operator asked for, unless the filter names them: the embedded
/// database, and the one that checks certificates, which says what the error says that it gives.
const QUIETER: &str = "fjall=warn,lsm_tree=warn,rustls_platform_verifier=off";

/// Logs of a node.
pub(super) fn install(filter: &str, format: LogFormat) -> Result<()> {
    let parsed = EnvFilter::try_new(format!("{QUIETER},{filter}")).map_err(|source| {
        Error::new(ErrorKind::Config, format!("{filter:?} is not a log filter"))
            .with_source(source)
            .with_hint(
                "use a level, as in --log info, or directives, as in framedb_host=debug,warn",
            )
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

/// Warnings only, for commands that open a data directory.
pub(super) fn quiet() {
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("warn"));
    builder.with_ansi(io::stderr().is_terminal()).with_writer(io::stderr).init();
}
