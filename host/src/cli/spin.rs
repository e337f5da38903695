//! `framedb spin`: applications of Spin, without Spin.

use super::{logs, output, serve::Signals};
use anyhow::Result;
use clap::{Args, Subcommand};
use framedb_host::{Error, ErrorKind, SpinDoor, plugin::Engine, spin::Application};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

/// Serve applications of Spin with this node's runtime, to try and measure them where Spin is
/// not installed.
#[derive(Debug, Subcommand)]
pub(crate) enum Spin {
    Up(Up),
}

/// Serve the component of a manifest that answers HTTP, with its dependencies composed in.
///
/// It gets what Spin would give it: its variables, its key-value stores, kept in the folder of
/// the state, and connections to its allowed hosts. Instances live as long as Spin's. What a
/// manifest says beside that is passed over, components that are no files are refused.
///
/// When the door is open, one line on the standard output says so.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The manifest.
    #[arg(short, long, value_name = "FILE", default_value = "spin.toml")]
    from: PathBuf,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Lets other machines in, where `--listen` names an address that they reach. There is no
    /// authentication.
    #[arg(long)]
    public: bool,
    /// The value of a variable; without it, that of `SPIN_VARIABLE_<NAME>` counts.
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Where key-value stores are kept; `.spin` beside the manifest without it.
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
}

impl Spin {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::Up(up) => up.run().await,
        }
    }
}

impl Up {
    async fn run(self) -> Result<()> {
        logs::install("info", framedb_host::LogFormat::Text)?;
        if !self.listen.ip().is_loopback() && !self.public {
            let message =
                format!("other machines may reach {}, and there is no authentication", self.listen);
            return Err(Error::new(ErrorKind::Config, message)
                .with_hint("listen on 127.0.0.1, or say --public")
                .into());
        }
        let mut signals = Signals::new()?;
        let given = self.variables.iter().map(|pair| named(pair)).collect::<Result<_>>()?;
        let state = self.state_dir.clone().unwrap_or_else(|| self.from.with_file_name(".spin"));
        let cache = state.join("compiled");
        let engine = Engine::new(Some(&cache))?;
        let application = Application::read(&engine, &self.from, &given, state).await?;
        let application = Arc::new(application.load(&engine).await?);
        let door = SpinDoor::open(self.listen, application).await?;
        if let Some(address) = door.address() {
            output::note(&format!("{} at http://{address}", self.from.display()));
            let _ = output::data(&format!("ready http={address}"));
        }
        door.serve(async { signals.next().await }).await;
        Ok(())
    }
}

/// A variable and its value. A value may be a secret, so that no message shows it.
fn named(pair: &str) -> Result<(String, String)> {
    let Some((name, value)) = pair.split_once('=') else {
        return Err(Error::new(ErrorKind::Invalid, "a variable has no value")
            .with_hint("write --variable name=value")
            .into());
    };
    Ok((name.to_owned(), value.to_owned()))
}
