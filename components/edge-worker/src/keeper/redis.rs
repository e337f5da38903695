//! Objects and queues on a Redis server, laid out as the node lays them out.

use super::{
    Leased, Length,
    fault::Fault,
    link::{Link, Repeat, Script, bytes, number},
};
use bytes::Bytes;
use framedb_core::{
    ID_WINDOW, ID_WINDOW_COUNT, Key, Route,
    redis::{
        DELETE_OBJECT,
        queues::{ACK, EXTEND, LEASE, LENGTH, NACK, PURGE, PUSH, PUSH_OVER, QUEUES, SideKeys},
    },
};
use std::{
    cell::RefCell,
    collections::HashMap,
    sync::LazyLock,
    time::{Duration, Instant, SystemTime},
};

static DELETE: LazyLock<Script> = LazyLock::new(|| Script::new(DELETE_OBJECT));
static PUSHING: LazyLock<Script> = LazyLock::new(|| Script::new(PUSH));
static PUSHING_OVER: LazyLock<Script> = LazyLock::new(|| Script::new(PUSH_OVER));
static LEASING: LazyLock<Script> = LazyLock::new(|| Script::new(LEASE));
static ACKING: LazyLock<Script> = LazyLock::new(|| Script::new(ACK));
static NACKING: LazyLock<Script> = LazyLock::new(|| Script::new(NACK));
static EXTENDING: LazyLock<Script> = LazyLock::new(|| Script::new(EXTEND));
static MEASURING: LazyLock<Script> = LazyLock::new(|| Script::new(LENGTH));
static PURGING: LazyLock<Script> = LazyLock::new(|| Script::new(PURGE));

/// How often a worker writes down that it leases from a queue. Nodes look at such queues for an
/// hour, to return elements whose lease has ended.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// How many queues a worker remembers to have written down.
const MAX_NOTED: usize = 1024;

/// The longest lease: what is longer is as good as this.
const MAX_PERIOD: Duration = Duration::from_secs(10 * 365 * 86_400);

/// One Redis instance.
#[derive(Debug)]
pub(super) struct Redis {
    pub(super) link: Link,
    /// When this worker last wrote down that it leases from a queue. Held for one look.
    noted: RefCell<HashMap<Key, Instant>>,
}

impl Redis {
    pub(super) fn new(link: Link) -> Self {
        Self { link, noted: RefCell::default() }
    }

    /// Stores an object.
    pub(super) async fn set(
        &self,
        key: &Key,
        data: &[u8],
        time_to_live: Option<Duration>,
    ) -> Result<(), Fault> {
        let name = key.as_str().as_bytes();
        let left = time_to_live.map(|left| millis(left).max(1).to_string());
        let mut words = vec![name, data];
        if let Some(left) = &left {
            // The period, not the end: clocks may differ.
            words.extend([&b"PX"[..], left.as_bytes()]);
        }
        self.link.ask("SET", &words, Repeat::Safe).await.map(drop)
    }

    /// An object's bytes.
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Bytes>, Fault> {
        let found = self.link.ask("GET", &[key.as_str().as_bytes()], Repeat::Safe).await?;
        match found.into_iter().next().map(bytes).transpose()?.flatten() {
            Some(data) => Ok(Some(data.into())),
            None => Ok(None),
        }
    }

    /// Deletes an object. A queue that took its name stays.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), Fault> {
        let keys = [key.as_str().to_owned()];
        self.link.run(&DELETE, &keys, &[], Repeat::Safe).await.map(drop)
    }

    /// Pushes an element, unless its id is remembered; `over` an object that has the queue's name.
    pub(super) async fn push(
        &self,
        queue: &Key,
        id: &str,
        data: &[u8],
        over: bool,
    ) -> Result<(), Fault> {
        let script = if over { &PUSHING_OVER } else { &PUSHING };
        let (window, count) = (millis(ID_WINDOW).to_string(), ID_WINDOW_COUNT.to_string());
        let words = [window.as_bytes(), count.as_bytes(), id.as_bytes(), data];
        let answers = self.script(script, queue, &words, Repeat::Safe).await?;
        number(answers.into_iter().next()).map(drop)
    }

    /// Leases the oldest element.
    pub(super) async fn lease(
        &self,
        queue: &Key,
        period: Duration,
    ) -> Result<Option<Leased>, Fault> {
        self.note(queue).await?;
        let token = uuid::Uuid::new_v4().to_string();
        let period = millis(period).to_string();
        let words = [token.as_bytes(), period.as_bytes()];
        let mut handed = self.script(&LEASING, queue, &words, Repeat::Never).await?.into_iter();
        let Some(data) = handed.next().map(bytes).transpose()?.flatten() else { return Ok(None) };
        let deliveries = u32::try_from(number(handed.next())?).unwrap_or(u32::MAX);
        Ok(Some(Leased { data: data.into(), token, deliveries }))
    }

    /// Ends a lease: the element is done with.
    pub(super) async fn ack(&self, queue: &Key, token: &str) -> Result<bool, Fault> {
        self.told(&ACKING, queue, &[token.as_bytes()]).await
    }

    /// Ends a lease: the element goes back.
    pub(super) async fn nack(&self, queue: &Key, token: &str) -> Result<bool, Fault> {
        self.told(&NACKING, queue, &[token.as_bytes()]).await
    }

    /// Makes a lease end later.
    pub(super) async fn extend(
        &self,
        queue: &Key,
        token: &str,
        period: Duration,
    ) -> Result<bool, Fault> {
        self.note(queue).await?;
        let period = millis(period).to_string();
        self.told(&EXTENDING, queue, &[token.as_bytes(), period.as_bytes()]).await
    }

    /// How many elements a queue has.
    pub(super) async fn length(&self, queue: &Key) -> Result<Length, Fault> {
        let mut counts = self.script(&MEASURING, queue, &[], Repeat::Safe).await?.into_iter();
        Ok(Length { ready: number(counts.next())?, leased: number(counts.next())? })
    }

    /// Removes a queue with all that it keeps.
    pub(super) async fn purge(&self, queue: &Key) -> Result<(), Fault> {
        self.script(&PURGING, queue, &[], Repeat::Safe).await.map(drop)
    }

    /// Writes down that the queue has leases, before it has.
    async fn note(&self, queue: &Key) -> Result<(), Fault> {
        let noted = self.noted.borrow().get(queue).copied();
        if noted.is_some_and(|at| at.elapsed() < NOTE_EVERY) {
            return Ok(());
        }
        let at = Route::millis(SystemTime::now()).to_string();
        let words = [QUEUES.as_bytes(), at.as_bytes(), queue.as_str().as_bytes()];
        self.link.ask("ZADD", &words, Repeat::Safe).await?;
        let mut noted = self.noted.borrow_mut();
        if noted.len() >= MAX_NOTED {
            noted.clear();
        }
        noted.insert(queue.clone(), Instant::now());
        Ok(())
    }

    async fn script(
        &self,
        script: &Script,
        queue: &Key,
        words: &[&[u8]],
        repeat: Repeat,
    ) -> Result<Vec<spin_sdk::redis::RedisResult>, Fault> {
        self.link.run(script, SideKeys::of(queue).all(), words, repeat).await
    }

    /// What a script answers of a lease. It is not repeated: the second answer would be no.
    async fn told(&self, script: &Script, queue: &Key, words: &[&[u8]]) -> Result<bool, Fault> {
        let answer = self.script(script, queue, words, Repeat::Never).await?;
        Ok(number(answer.into_iter().next())? > 0)
    }
}

pub(super) fn millis(period: Duration) -> u64 {
    u64::try_from(period.min(MAX_PERIOD).as_millis()).unwrap_or(u64::MAX)
}
