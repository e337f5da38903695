//! `Worker`: what an instance opens once and its requests share.

use crate::{keeper::Keeper, limits::Limits, settings::Settings, stage::Stages};
use framedb_core::Failure;
use std::{cell::RefCell, rc::Rc};

/// The parts of a worker instance.
#[derive(Debug)]
pub struct Worker {
    /// Bounds of doors and paths.
    pub limits: Limits,
    /// Which instances of FrameDB there are.
    pub settings: Settings,
    /// Where objects and routes are kept.
    pub keeper: Keeper,
    /// The plugins that are composed in.
    pub stages: Stages,
}

thread_local! {
    /// A component's instance has one thread.
    static SHARED: RefCell<Option<Rc<Worker>>> = const { RefCell::new(None) };
}

impl Worker {
    /// The worker of this instance, opened by its first request. Only success is kept: variables
    /// that could not be read are read again.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or wrong.
    pub async fn shared() -> Result<Rc<Self>, Failure> {
        let opened = || SHARED.with_borrow(Clone::clone);
        if let Some(worker) = opened() {
            return Ok(worker);
        }
        let worker = Rc::new(Self::open().await?);
        // Another request may have opened it meanwhile; connections are made later, by use.
        Ok(opened().unwrap_or_else(|| {
            SHARED.set(Some(worker.clone()));
            worker
        }))
    }

    async fn open() -> Result<Self, Failure> {
        let settings = Settings::read().await?;
        let keeper = Keeper::open(&settings).await?;
        Ok(Self { limits: Limits::read().await?, settings, keeper, stages: Stages::default() })
    }
}
