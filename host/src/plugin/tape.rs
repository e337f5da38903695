//! `Tape`: what a plugin is told while it judges an object alone. Either it takes down what the
//! node answers, or it answers itself, from what was taken down when the plugin failed.

use super::{
    packed::{pack, pack_or_digest, weight},
    record::{Answer, HostCall, Record},
    secrets::Secrets,
};
use chacha20::ChaCha12Rng;
use parking_lot::Mutex;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, fmt, sync::Arc};

/// Bytes of a call's arguments that are kept, as JSON; of more there is a digest.
const ARGUMENTS: usize = 4 << 10;

/// Bytes that a call counts for beside its arguments and its answer, and a clock's reading.
const ENTRY: usize = 64;
const READING: usize = 16;

/// How far a clock that is asked more often than the record says goes on each time.
const LATER: u64 = 1_000_000;

/// What a plugin is told while it judges an object alone.
pub(crate) struct Tape {
    seed: String,
    secrets: Arc<Secrets>,
    /// Held to take something down, or to look it up; never across an await.
    track: Mutex<Track>,
}

enum Track {
    /// What was taken down so far, and the bytes that there is room for.
    Recording(Box<Record>, usize),
    Answering(Box<Answering>),
    /// The call is over.
    Ended,
}

/// Where a plugin is in a record.
struct Answering {
    record: Record,
    calls: usize,
    wall: usize,
    monotonic: usize,
    /// The clocks that were read more often than the record says.
    beyond: BTreeSet<&'static str>,
    diverged: Option<Diverged>,
}

/// One of a plugin's clocks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clock {
    Wall,
    Monotonic,
}

/// A plugin asked for something else than when it was recorded. Ends its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Diverged {
    number: usize,
    asked: String,
    recorded: String,
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, asked, recorded } = self;
        write!(f, "as its host call {number} it asked for `{asked}`, and the record has {recorded}")
    }
}

impl std::error::Error for Diverged {}

/// A call that is being taken down; without one, nothing is.
#[derive(Clone, Default)]
pub(crate) struct Heard(Option<(Arc<Tape>, usize)>);

impl Tape {
    /// A tape that takes down what a plugin is told, into a record that says already under which
    /// circumstances.
    pub(super) fn recording(mut record: Record, secrets: Arc<Secrets>) -> Arc<Self> {
        // Two of them have more random bits than the generator's key.
        let seed = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        record.seed.clone_from(&seed);
        let room = usize::try_from(record.limits.record.as_u64()).unwrap_or(usize::MAX);
        let track = Mutex::new(Track::Recording(Box::new(record), room));
        Arc::new(Self { seed, secrets, track })
    }

    /// A tape that answers from a record.
    pub(crate) fn of(record: Record) -> Arc<Self> {
        let seed = record.seed.clone();
        let beyond = BTreeSet::new();
        let answering =
            Answering { record, calls: 0, wall: 0, monotonic: 0, beyond, diverged: None };
        let track = Mutex::new(Track::Answering(Box::new(answering)));
        Arc::new(Self { seed, secrets: Arc::default(), track })
    }

    /// What was taken down. What comes later is not.
    pub(super) fn end(&self) -> Option<Record> {
        let mut track = self.track.lock();
        if !matches!(*track, Track::Recording(..)) {
            return None;
        }
        match std::mem::replace(&mut *track, Track::Ended) {
            Track::Recording(record, _) => Some(*record),
            Track::Answering(_) | Track::Ended => None,
        }
    }

    /// Whether it answers from a record.
    pub(super) fn answers(&self) -> bool {
        matches!(*self.track.lock(), Track::Answering(_))
    }

    /// What the plugin asked for that the record does not have.
    pub(crate) fn diverged(&self) -> Option<String> {
        match &*self.track.lock() {
            Track::Answering(answering) => answering.diverged.as_ref().map(ToString::to_string),
            Track::Recording(..) | Track::Ended => None,
        }
    }

    /// The clocks that were read more often than the record says; they went on from there.
    pub(crate) fn clocks_beyond(&self) -> Vec<&'static str> {
        match &*self.track.lock() {
            Track::Answering(answering) => answering.beyond.iter().copied().collect(),
            Track::Recording(..) | Track::Ended => Vec::new(),
        }
    }

    /// A generator of random numbers, the same for the same record and purpose.
    pub(super) fn random(&self, purpose: &str) -> ChaCha12Rng {
        use chacha20::rand_core::SeedableRng as _;
        let digest = Sha256::new().chain_update(&self.seed).chain_update(purpose).finalize();
        ChaCha12Rng::from_seed(digest.into())
    }

    /// What a clock says, which is `now` unless a record says otherwise.
    pub(super) fn read(&self, clock: Clock, now: impl FnOnce() -> u64) -> u64 {
        match &mut *self.track.lock() {
            Track::Recording(record, room) => {
                let now = now();
                match take(room, READING) {
                    true => match clock {
                        Clock::Wall => record.wall_clock.push(now),
                        Clock::Monotonic => record.monotonic_clock.push(now),
                    },
                    false => record.truncated = true,
                }
                now
            }
            Track::Answering(answering) => answering.read(clock),
            Track::Ended => now(),
        }
    }

    /// Takes down that a call begins, as far as there is room.
    pub(super) fn begin(
        self: &Arc<Self>,
        interface: &str,
        function: &str,
        arguments: &impl Serialize,
    ) -> Heard {
        let arguments = pack_or_digest(arguments, &self.secrets, ARGUMENTS);
        let Track::Recording(record, room) = &mut *self.track.lock() else {
            return Heard::default();
        };
        if record.truncated || !take(room, ENTRY + weight(&arguments)) {
            record.truncated = true;
            return Heard::default();
        }
        let call = HostCall::new(interface, function, arguments);
        record.calls.push(call);
        Heard(Some((self.clone(), record.calls.len() - 1)))
    }

    /// What a call was answered with when it was taken down.
    pub(super) fn answer(
        &self,
        interface: &str,
        function: &str,
        arguments: &impl Serialize,
    ) -> Result<HostCall, Diverged> {
        let arguments = pack_or_digest(arguments, &self.secrets, ARGUMENTS);
        let asked = HostCall::new(interface, function, arguments);
        match &mut *self.track.lock() {
            Track::Answering(answering) => answering.answer(&asked),
            Track::Recording(..) | Track::Ended => Ok(asked),
        }
    }
}

impl HostCall {
    fn new(interface: &str, function: &str, arguments: serde_json::Value) -> Self {
        Self {
            interface: interface.to_owned(),
            function: function.replace('_', "-"),
            arguments,
            answer: Answer::Pending,
            items: Vec::new(),
            end: Answer::Pending,
        }
    }
}

impl Answering {
    fn read(&mut self, clock: Clock) -> u64 {
        let (readings, at, name) = match clock {
            Clock::Wall => (&self.record.wall_clock, &mut self.wall, "wall clock"),
            Clock::Monotonic => {
                (&self.record.monotonic_clock, &mut self.monotonic, "monotonic clock")
            }
        };
        let index = *at;
        *at += 1;
        match readings.get(index) {
            Some(reading) => *reading,
            None => {
                self.beyond.insert(name);
                let further = (index - readings.len() + 1) as u64;
                readings.last().copied().unwrap_or_default().saturating_add(further * LATER)
            }
        }
    }

    fn answer(&mut self, asked: &HostCall) -> Result<HostCall, Diverged> {
        let number = self.calls + 1;
        let recorded = match self.record.calls.get(self.calls) {
            Some(call) if call.asks_as(asked) && matches!(call.answer, Answer::Cut) => {
                "no answer to it, because there was no more room".to_owned()
            }
            Some(call) if call.asks_as(asked) => {
                self.calls += 1;
                return Ok(call.clone());
            }
            Some(call) => format!("`{call}` there"),
            None if self.record.truncated => {
                format!("only the first {}, because there was no more room", self.calls)
            }
            None => match self.calls {
                0 => "no host calls".to_owned(),
                calls => format!("{calls} in all"),
            },
        };
        let diverged = Diverged { number, asked: asked.to_string(), recorded };
        self.diverged.get_or_insert_with(|| diverged.clone());
        Err(diverged)
    }
}

impl HostCall {
    fn asks_as(&self, other: &Self) -> bool {
        self.interface == other.interface
            && self.function == other.function
            && self.arguments == other.arguments
    }
}

impl Heard {
    /// Takes down what the call answered.
    pub(super) fn given(&self, answer: &impl Serialize) {
        self.note(answer, |call, answer| call.answer = answer);
    }

    /// Takes down that the call ended the plugin's own.
    pub(super) fn failed(&self, error: &wasmtime::Error) {
        let Some((tape, index)) = &self.0 else { return };
        let text = tape.secrets.text(&error.to_string());
        if let Track::Recording(record, _) = &mut *tape.track.lock()
            && let Some(call) = record.calls.get_mut(*index)
        {
            call.answer = Answer::Failed(text);
        }
    }

    /// Takes down what of a stream was taken.
    pub(super) fn items<T: Serialize>(&self, items: &[T]) {
        for item in items {
            self.note(item, |call, item| match item {
                Answer::Given(item) => call.items.push(item),
                cut => call.answer = cut,
            });
        }
    }

    /// Takes down how a stream ended.
    pub(super) fn end(&self, how: &impl Serialize) {
        self.note(how, |call, how| call.end = how);
    }

    fn note(&self, value: &impl Serialize, put: impl FnOnce(&mut HostCall, Answer)) {
        let Some((tape, index)) = &self.0 else { return };
        let Track::Recording(record, room) = &mut *tape.track.lock() else { return };
        let packed = pack(value, &tape.secrets, *room);
        let packed = packed.filter(|packed| take(room, weight(packed)));
        if packed.is_none() {
            (record.truncated, *room) = (true, 0);
        }
        if let Some(call) = record.calls.get_mut(*index) {
            put(call, packed.map_or(Answer::Cut, Answer::Given));
        }
    }
}

/// Takes room, if there is enough of it.
fn take(room: &mut usize, bytes: usize) -> bool {
    match room.checked_sub(bytes) {
        Some(left) => {
            *room = left;
            true
        }
        None => false,
    }
}
