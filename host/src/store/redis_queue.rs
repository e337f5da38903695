//! `RedisQueues`: queues as plain lists, whose oldest element any client pops from the right.
//!
//! Leases, deliveries and remembered ids are in side keys; scripts change them together with
//! the list, so that old consumers see exactly what is not leased. Elements with equal bytes
//! share one count of deliveries.

use super::{
    Element, Leased, Pushed, Queue, QueueLength, check_size,
    redis::{MAX_BULK, MAX_GROUP},
};
use crate::{
    Error, ErrorKind, Result,
    driver::{
        queue::{ID_WINDOW, ID_WINDOW_COUNT},
        redis::{
            Ack, Call, Connection, Fault, FromRedisValue, QUEUES, Script, Scripts, SideKeys, cmd,
            failed,
        },
        repeat,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use framedb_core::{Key, Route};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant, SystemTime},
};

/// How often queues are looked at for leases that have ended.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// How often a node writes down that it leases from a queue.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// After how long without a lease a queue is no longer looked at. Far longer than
/// [`NOTE_EVERY`], so that no node has a lease that nobody looks after.
const IDLE: Duration = Duration::from_secs(3600);

/// How many queues a node remembers to have written down.
const MAX_NOTED: usize = 4096;

/// The longest lease: what is longer is as good as this.
const MAX_PERIOD: Duration = Duration::from_secs(10 * 365 * 86_400);

/// One Redis instance's queues.
#[derive(Debug)]
pub struct RedisQueues(Arc<Queues>);

#[derive(Debug)]
struct Queues {
    connection: Arc<Connection>,
    scripts: Scripts,
    max_value: u64,
    /// When this node last wrote down that it leases from a queue. Held for one look.
    noted: Mutex<HashMap<Key, Instant>>,
}

impl RedisQueues {
    /// The queues of an instance; leases that end are looked for until it is dropped.
    pub(super) fn new(connection: Arc<Connection>, max_value: u64) -> Self {
        let queues = Arc::new(Queues {
            connection,
            scripts: Scripts::new(),
            max_value: max_value.min(MAX_BULK),
            noted: Mutex::default(),
        });
        tokio::spawn(sweep(Arc::downgrade(&queues)));
        Self(queues)
    }
}

/// Returns ended leases of all queues of the database, whichever node gave them out.
async fn sweep(queues: Weak<Queues>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(queues) = queues.upgrade() else { return };
        if let Err(fault) = queues.sweep().await {
            let error = queues.failed("return ended leases", fault);
            tracing::debug!(error = error.chain(), "queues wait for their ended leases");
        }
    }
}

impl Queues {
    fn failed(&self, attempt: &str, fault: Fault) -> Error {
        failed(attempt, self.connection.address(), fault)
    }

    fn call<'a>(&self, script: &'a Script, queue: &Key) -> Call<'a> {
        script.call(SideKeys::of(queue).all())
    }

    async fn run<T: FromRedisValue>(
        &self,
        attempt: &str,
        queue: &Key,
        call: &Call<'_>,
    ) -> Result<T> {
        let answer = self.connection.run(call, Ack::Primary).await;
        answer.map_err(|fault| self.failed(&format!("{attempt} {queue}"), fault))
    }

    /// Writes down that the queue has leases, before it has.
    async fn note(&self, queue: &Key) -> Result<()> {
        let now = Instant::now();
        {
            let noted = self.noted.lock();
            if noted.get(queue).is_some_and(|at| now.duration_since(*at) < NOTE_EVERY) {
                return Ok(());
            }
        }
        let mut add = cmd("ZADD");
        add.arg(QUEUES).arg(Route::millis(SystemTime::now())).arg(queue.as_str());
        let added: Result<u64, Fault> = self.connection.ask(add, Ack::Primary).await;
        match added.map_err(|fault| self.failed(&format!("lease from {queue}"), fault)) {
            Ok(_) => {}
            // A full server must be emptied all the same.
            Err(error) if error.kind() == ErrorKind::Full => return Ok(()),
            Err(error) => return Err(error),
        }
        let mut noted = self.noted.lock();
        if noted.len() >= MAX_NOTED {
            noted.retain(|_, at| now.duration_since(*at) < NOTE_EVERY);
        }
        if noted.len() < MAX_NOTED {
            noted.insert(queue.clone(), now);
        }
        Ok(())
    }

    async fn sweep(&self) -> Result<(), Fault> {
        let mut all = cmd("ZRANGE");
        all.arg(QUEUES).arg(0).arg(-1).arg("WITHSCORES");
        let queues: Vec<(Vec<u8>, f64)> = self.connection.ask(all, Ack::Primary).await?;
        let idle = Route::millis(SystemTime::now() - IDLE);
        let mut failed = None;
        for (name, at) in queues {
            let Ok(queue) = Key::from_bytes(&name) else { continue };
            let call = self.call(&self.scripts.length, &queue);
            let leased = match self.connection.run::<(u64, u64)>(&call, Ack::Primary).await {
                Ok((_, leased)) => leased,
                // An object took the name, and the queue is looked at again when it is one; or
                // its server is down, and other queues have others.
                Err(fault) => {
                    if !fault.says("WRONGTYPE") {
                        failed = Some(fault);
                    }
                    continue;
                }
            };
            #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact")]
            if leased == 0 && at <= idle as f64 {
                let mut forget = self.scripts.forget.call(&[QUEUES]);
                forget.arg(name).arg(idle);
                let _: u64 = self.connection.run(&forget, Ack::Primary).await?;
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Pushes elements by one of the scripts, in as few steps as they fit; an answer for each.
    async fn push(
        &self,
        script: &Script,
        queue: &Key,
        elements: &[Element],
    ) -> Vec<Result<Pushed>> {
        let mut answers = Vec::with_capacity(elements.len());
        let mut rest = elements;
        while !rest.is_empty() {
            let mut bytes = 0_usize;
            let fits = rest.iter().take_while(|element| {
                bytes = bytes.saturating_add(element.data.len());
                bytes <= MAX_GROUP
            });
            let (group, behind) = rest.split_at(fits.count().max(1));
            let sized: Vec<_> = group
                .iter()
                .map(|element| check_size(queue, &element.data, self.max_value))
                .collect();
            let fitting: Vec<_> =
                group.iter().zip(&sized).filter(|(_, size)| size.is_ok()).map(|(e, _)| e).collect();
            let pushed = if fitting.is_empty() {
                Ok(Vec::new())
            } else {
                self.push_group(script, queue, &fitting).await
            };
            let pushed = match pushed {
                Ok(pushed) => pushed,
                // What comes behind must not overtake what may be tried again.
                Err(error) => {
                    let left = elements.len() - answers.len();
                    answers.extend(repeat(&error, left));
                    return answers;
                }
            };
            let mut pushed = pushed.into_iter();
            let lost = || Error::new(ErrorKind::Unavailable, "the server left out an answer");
            answers.extend(
                sized.into_iter().map(|size| size.and_then(|()| pushed.next().ok_or_else(lost))),
            );
            rest = behind;
        }
        answers
    }

    /// Pushes elements that fit one call, in one step; an answer for each.
    async fn push_group(
        &self,
        script: &Script,
        queue: &Key,
        group: &[&Element],
    ) -> Result<Vec<Pushed>> {
        let mut call = self.call(script, queue);
        call.arg(millis(ID_WINDOW)).arg(ID_WINDOW_COUNT);
        for element in group {
            call.arg(element.id.as_str()).arg(&*element.data);
        }
        let answers = self.connection.run::<Vec<bool>>(&call, Ack::Replicas).await;
        let answers = answers.map_err(|fault| self.failed(&format!("push to {queue}"), fault))?;
        let pushed = |new| if new { Pushed::New } else { Pushed::Repeated };
        Ok(answers.into_iter().map(pushed).collect())
    }
}

#[async_trait]
impl Queue for RedisQueues {
    async fn push(&self, queue: &Key, elements: &[Element]) -> Vec<Result<Pushed>> {
        self.0.push(&self.0.scripts.push, queue, elements).await
    }

    async fn push_over(&self, queue: &Key, elements: &[Element]) -> Vec<Result<Pushed>> {
        self.0.push(&self.0.scripts.push_over, queue, elements).await
    }

    async fn lease(&self, queue: &Key, period: Duration) -> Result<Option<Leased>> {
        self.0.note(queue).await?;
        let token = uuid::Uuid::new_v4().to_string();
        let mut call = self.0.call(&self.0.scripts.lease, queue);
        call.arg(&token).arg(millis(period));
        let handed: Option<(Vec<u8>, u32)> = self.0.run("lease from", queue, &call).await?;
        Ok(handed.map(|(data, deliveries)| Leased { data: Bytes::from(data), token, deliveries }))
    }

    async fn ack(&self, queue: &Key, token: &str) -> Result<bool> {
        let mut call = self.0.call(&self.0.scripts.ack, queue);
        self.0.run("acknowledge an element of", queue, call.arg(token)).await
    }

    async fn nack(&self, queue: &Key, token: &str) -> Result<bool> {
        let mut call = self.0.call(&self.0.scripts.nack, queue);
        self.0.run("return an element to", queue, call.arg(token)).await
    }

    async fn extend(&self, queue: &Key, token: &str, period: Duration) -> Result<bool> {
        self.0.note(queue).await?;
        let mut call = self.0.call(&self.0.scripts.extend, queue);
        self.0.run("extend a lease of", queue, call.arg(token).arg(millis(period))).await
    }

    async fn length(&self, queue: &Key) -> Result<QueueLength> {
        let call = self.0.call(&self.0.scripts.length, queue);
        let (ready, leased) = self.0.run("measure", queue, &call).await?;
        Ok(QueueLength { ready, leased })
    }

    async fn purge(&self, queue: &Key) -> Result<u64> {
        let call = self.0.call(&self.0.scripts.purge, queue);
        self.0.run("purge", queue, &call).await
    }
}

fn millis(period: Duration) -> u64 {
    u64::try_from(period.min(MAX_PERIOD).as_millis()).unwrap_or(u64::MAX)
}
