//! `TestSpin`: an application of Spin, served.
//!
//! Where `$SPIN` names a `spin` binary, or one is on the PATH, `spin up` serves it; else the node's
//! own runtime does, in this process. What was used is printed once.

use crate::{
    Http,
    component::{component_path, scratch},
    wait::eventually,
};
use framedb_core::Stage;
use framedb_host::{
    SpinDoor, compose,
    plugin::Engine,
    spin::{
        Application, ApplicationConfig, ComponentConfig, Dependency, HttpTrigger, Inherited,
        Manifest, Source, Triggers, VariableConfig,
    },
};
use std::{
    collections::BTreeMap,
    env,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

/// An application that is served.
#[derive(Debug)]
pub struct TestSpin {
    address: SocketAddr,
    serving: Serving,
    // Dropped last, after what writes there.
    directory: TempDir,
}

#[derive(Debug)]
enum Serving {
    Spin(Child),
    Here { _shutdown: oneshot::Sender<()>, task: JoinHandle<()> },
}

/// Builds a [`TestSpin`]: a manifest of one component.
#[derive(Debug, Clone)]
pub struct SpinBuild {
    manifest: Manifest,
    given: BTreeMap<String, String>,
}

/// The name of the only component.
const COMPONENT: &str = "worker";

/// What plugins inherit.
const ALL: Inherited = Inherited::All(true);

impl TestSpin {
    /// An application of one component that may reach nothing.
    #[must_use]
    pub fn build(component: &Path) -> SpinBuild {
        let component = ComponentConfig {
            source: Source::File(component.display().to_string()),
            description: None,
            key_value_stores: Vec::new(),
            allowed_outbound_hosts: Vec::new(),
            variables: BTreeMap::new(),
            dependencies: BTreeMap::new(),
            build: None,
        };
        let http = HttpTrigger { route: "/...".into(), component: COMPONENT.into() };
        let manifest = Manifest {
            spin_manifest_version: 2,
            application: ApplicationConfig { name: "test".into(), ..Default::default() },
            trigger: Triggers { http: vec![http], ..Default::default() },
            component: BTreeMap::from([(COMPONENT.to_owned(), component)]),
            ..Default::default()
        };
        SpinBuild { manifest, given: BTreeMap::new() }
    }

    /// Serves a manifest, with values for its variables.
    ///
    /// # Errors
    ///
    /// What the node says of a manifest that it does not take; of Spin's own words a test sees
    /// those on the standard error.
    pub async fn serve(
        manifest: &Path,
        given: &BTreeMap<String, String>,
        directory: TempDir,
    ) -> framedb_host::Result<Self> {
        match spin() {
            Some(binary) => Ok(Self::under_spin(binary, manifest, given, directory).await),
            None => Self::here(manifest, given, directory).await,
        }
    }

    async fn here(
        manifest: &Path,
        given: &BTreeMap<String, String>,
        directory: TempDir,
    ) -> framedb_host::Result<Self> {
        let data = directory.path().join("state");
        let application = Application::read(engine(), manifest, given, data).await?;
        let application = Arc::new(application.load(engine()).await?);
        let door = SpinDoor::open(([127, 0, 0, 1], 0).into(), application).await?;
        let address = door.address().unwrap();
        let (shutdown, told) = oneshot::channel();
        let task = tokio::spawn(door.serve(async {
            let _ = told.await;
        }));
        Ok(Self { address, serving: Serving::Here { _shutdown: shutdown, task }, directory })
    }

    async fn under_spin(
        binary: &Path,
        manifest: &Path,
        given: &BTreeMap<String, String>,
        directory: TempDir,
    ) -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new(binary);
        command.arg("up").arg("--from").arg(manifest);
        command.arg("--listen").arg(address.to_string());
        command.arg("--state-dir").arg(directory.path().join("state"));
        for (name, value) in given {
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let test = Self { address, serving: Serving::Spin(child), directory };
        eventually("Spin listens", || async { TcpStream::connect(address).ok() }).await;
        test
    }

    /// A client of it.
    #[must_use]
    pub fn http(&self) -> Http {
        Http::new(self.address)
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory of its manifest and state.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl SpinBuild {
    /// Composes a plugin of the node's own into a stage.
    #[must_use]
    pub fn stage(self, stage: Stage, plugin: &str) -> Self {
        self.stage_file(stage, &component_path(plugin))
    }

    /// Composes a component file into a stage.
    #[must_use]
    pub fn stage_file(self, stage: Stage, file: &Path) -> Self {
        self.dependency(&compose::interface(stage).unwrap(), file, ALL)
    }

    /// Composes a component file into an import.
    #[must_use]
    pub fn dependency(mut self, import: &str, file: &Path, inherited: Inherited) -> Self {
        let dependency = Dependency {
            path: Some(file.display().to_string()),
            inherit_configuration: inherited,
            ..Default::default()
        };
        self.component().dependencies.insert(import.to_owned(), dependency);
        self
    }

    /// Sets a variable of the component.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.manifest
            .variables
            .insert(name.to_owned(), VariableConfig { required: true, ..Default::default() });
        self.component().variables.insert(name.to_owned(), format!("{{{{ {name} }}}}"));
        self.given.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets a variable of the component that is secret.
    #[must_use]
    pub fn secret(self, name: &str, value: &str) -> Self {
        let mut build = self.variable(name, value);
        if let Some(variable) = build.manifest.variables.get_mut(name) {
            variable.secret = true;
        }
        build
    }

    /// Lets the component connect to a host.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.component().allowed_outbound_hosts.push(host.to_owned());
        self
    }

    /// Gives the component a key-value store.
    #[must_use]
    pub fn store(mut self, name: &str) -> Self {
        self.component().key_value_stores.push(name.to_owned());
        self
    }

    /// Serves it.
    pub async fn start(self) -> TestSpin {
        self.try_start().await.unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    /// Serves it, if it can be.
    ///
    /// # Errors
    ///
    /// As [`TestSpin::serve`].
    pub async fn try_start(self) -> framedb_host::Result<TestSpin> {
        let directory = scratch();
        let file = directory.path().join("spin.toml");
        std::fs::write(&file, self.manifest.to_toml().unwrap()).unwrap();
        TestSpin::serve(&file, &self.given, directory).await
    }

    fn component(&mut self) -> &mut ComponentConfig {
        self.manifest.component.get_mut(COMPONENT).unwrap()
    }
}

impl Drop for TestSpin {
    fn drop(&mut self) {
        match &mut self.serving {
            Serving::Spin(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            Serving::Here { task, .. } => task.abort(),
        }
    }
}

/// The engine of all applications in this process.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(Some(&crate::cache_dir())).unwrap())
}

/// The binary of Spin, if there is one.
#[must_use]
pub fn spin() -> Option<&'static Path> {
    static SPIN: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let named = env::var_os("SPIN").map(PathBuf::from);
        let paths = env::var_os("PATH").unwrap_or_default();
        let found = || env::split_paths(&paths).map(|path| path.join("spin")).find(|p| p.is_file());
        let spin = named.or_else(found);
        match &spin {
            Some(spin) => eprintln!("Spin's applications are served by {}", spin.display()),
            None => eprintln!("Spin's applications are served by the node's runtime: no `spin`"),
        }
        spin
    };
    SPIN.get_or_init(find).as_deref()
}
