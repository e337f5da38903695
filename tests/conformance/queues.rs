//! What every queue promises.

use crate::engines::{Engine, eventually, key};
use framedb_host::store::{Element, Pushed, Queue, QueueLength};
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

const LONG: Duration = Duration::from_secs(600);

fn elements(ids: &[&str]) -> Vec<Element> {
    ids.iter().map(|id| Element { id: (*id).into(), data: id.as_bytes().to_vec().into() }).collect()
}

async fn push(queue: &dyn Queue, name: &str, ids: &[&str]) -> Vec<Pushed> {
    let pushed = queue.push(&key(name), &elements(ids)).await;
    pushed.into_iter().map(Result::unwrap).collect()
}

/// The oldest element and its token.
async fn lease(queue: &dyn Queue, name: &str) -> Option<(String, String)> {
    let leased = queue.lease(&key(name), LONG).await.unwrap()?;
    Some((String::from_utf8(leased.data.to_vec()).unwrap(), leased.token))
}

async fn length(queue: &dyn Queue, name: &str) -> (u64, u64) {
    let QueueLength { ready, leased } = queue.length(&key(name)).await.unwrap();
    (ready, leased)
}

async fn pop(queue: &dyn Queue, name: &str) -> Option<String> {
    let (data, token) = lease(queue, name).await?;
    assert!(queue.ack(&key(name), &token).await.unwrap());
    Some(data)
}

pub(crate) async fn elements_come_out_in_order(engine: Engine) {
    let queue = &*engine.queue();
    assert_eq!(push(queue, "q", &["1", "2", "3"]).await, [Pushed::New; 3]);
    push(queue, "q", &["4"]).await;
    for expected in ["1", "2", "3", "4"] {
        assert_eq!(pop(queue, "q").await.as_deref(), Some(expected));
    }
    assert_eq!(pop(queue, "q").await, None);
}

pub(crate) async fn an_empty_queue_is_no_error(engine: Engine) {
    let queue = &*engine.queue();
    assert_eq!(lease(queue, "q").await, None);
    assert_eq!(length(queue, "q").await, (0, 0));
    assert_eq!(queue.purge(&key("q")).await.unwrap(), 0);
    assert!(!queue.ack(&key("q"), "no token").await.unwrap());
    assert!(queue.push(&key("q"), &[]).await.is_empty());
}

pub(crate) async fn a_repeated_id_is_the_same_element(engine: Engine) {
    let queue = &*engine.queue();
    assert_eq!(
        push(queue, "q", &["1", "2", "1"]).await,
        [Pushed::New, Pushed::New, Pushed::Repeated]
    );
    assert_eq!(push(queue, "q", &["2", "3"]).await, [Pushed::Repeated, Pushed::New]);
    assert_eq!(length(queue, "q").await, (3, 0));
    assert_eq!(push(queue, "other", &["1"]).await, [Pushed::New]);
}

pub(crate) async fn an_id_is_remembered_after_the_element_is_gone(engine: Engine) {
    let queue = &*engine.queue();
    push(queue, "q", &["1"]).await;
    assert_eq!(pop(queue, "q").await.as_deref(), Some("1"));
    assert_eq!(push(queue, "q", &["1"]).await, [Pushed::Repeated]);
    assert_eq!(length(queue, "q").await, (0, 0));
}

pub(crate) async fn an_acknowledged_element_is_gone(engine: Engine) {
    let queue = &*engine.queue();
    push(queue, "q", &["1"]).await;
    let (_, token) = lease(queue, "q").await.unwrap();
    assert!(queue.ack(&key("q"), &token).await.unwrap());
    assert!(!queue.ack(&key("q"), &token).await.unwrap());
    assert_eq!(length(queue, "q").await, (0, 0));
}

pub(crate) async fn a_returned_element_comes_first(engine: Engine) {
    let queue = &*engine.queue();
    push(queue, "q", &["1", "2", "3"]).await;
    let first = queue.lease(&key("q"), LONG).await.unwrap().unwrap();
    assert_eq!(first.deliveries, 1);
    assert!(queue.nack(&key("q"), &first.token).await.unwrap());
    let again = queue.lease(&key("q"), LONG).await.unwrap().unwrap();
    assert_eq!((&again.data[..], again.deliveries), (&b"1"[..], 2));
    assert_ne!(again.token, first.token);
    assert_eq!(lease(queue, "q").await.unwrap().0, "2");
}

pub(crate) async fn an_ended_lease_returns_its_element(engine: Engine) {
    let queue = engine.queue();
    push(&*queue, "q", &["1", "2"]).await;
    let start = Instant::now();
    let period = Duration::from_millis(150);
    let first = queue.lease(&key("q"), period).await.unwrap().unwrap();
    eventually(|| async { length(&*queue, "q").await == (2, 0) }).await;
    assert!(start.elapsed() >= period - Duration::from_millis(2));
    assert!(!queue.ack(&key("q"), &first.token).await.unwrap());
    let again = queue.lease(&key("q"), LONG).await.unwrap().unwrap();
    assert_eq!((&again.data[..], again.deliveries), (&b"1"[..], 2));
}

pub(crate) async fn an_extended_lease_lasts(engine: Engine) {
    let queue = engine.queue();
    push(&*queue, "q", &["1"]).await;
    let leased = queue.lease(&key("q"), Duration::from_millis(400)).await.unwrap().unwrap();
    assert!(queue.extend(&key("q"), &leased.token, LONG).await.unwrap());
    // A second element's lease ends when the first one's would have.
    push(&*queue, "q", &["2"]).await;
    queue.lease(&key("q"), Duration::from_millis(500)).await.unwrap().unwrap();
    eventually(|| async { length(&*queue, "q").await == (1, 1) }).await;
    assert!(queue.ack(&key("q"), &leased.token).await.unwrap());
}

pub(crate) async fn tokens_of_ended_leases_answer_false(engine: Engine) {
    let queue = &*engine.queue();
    push(queue, "q", &["1"]).await;
    let (_, token) = lease(queue, "q").await.unwrap();
    assert!(queue.nack(&key("q"), &token).await.unwrap());
    assert!(!queue.ack(&key("q"), &token).await.unwrap());
    assert!(!queue.nack(&key("q"), &token).await.unwrap());
    assert!(!queue.extend(&key("q"), &token, LONG).await.unwrap());
    assert_eq!(length(queue, "q").await, (1, 0));
}

pub(crate) async fn tokens_are_of_one_queue(engine: Engine) {
    let queue = &*engine.queue();
    push(queue, "q", &["1"]).await;
    push(queue, "r", &["1"]).await;
    let (_, token) = lease(queue, "q").await.unwrap();
    assert!(!queue.ack(&key("r"), &token).await.unwrap());
    assert!(token.len() >= 32, "{token} can be guessed");
}

pub(crate) async fn lengths_tell_ready_from_leased(engine: Engine) {
    let queue = &*engine.queue();
    push(queue, "q", &["1", "2", "3"]).await;
    assert_eq!(length(queue, "q").await, (3, 0));
    let (_, token) = lease(queue, "q").await.unwrap();
    assert_eq!(length(queue, "q").await, (2, 1));
    queue.ack(&key("q"), &token).await.unwrap();
    assert_eq!(length(queue, "q").await, (2, 0));
}

pub(crate) async fn a_purged_queue_is_as_if_it_never_was(engine: Engine) {
    let queue = &*engine.queue();
    push(queue, "q", &["1", "2"]).await;
    push(queue, "qq", &["1"]).await;
    let (_, token) = lease(queue, "q").await.unwrap();
    assert_eq!(queue.purge(&key("q")).await.unwrap(), 2);
    assert_eq!(length(queue, "q").await, (0, 0));
    assert!(!queue.ack(&key("q"), &token).await.unwrap());
    assert_eq!(push(queue, "q", &["1"]).await, [Pushed::New]);
    assert_eq!(length(queue, "qq").await, (1, 0));
}

pub(crate) async fn names_that_begin_alike_are_apart(engine: Engine) {
    let queue = &*engine.queue();
    let names = ["q", "qe", "qi", "q{x}", "{q}", "q/e"];
    for name in names {
        push(queue, name, &[name]).await;
    }
    for name in names {
        assert_eq!(pop(queue, name).await.as_deref(), Some(name));
        assert_eq!(length(queue, name).await, (0, 0));
    }
}

pub(crate) async fn consumers_at_once_get_each_element_once(engine: Engine) {
    let queue = engine.queue();
    let ids: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    push(&*queue, "q", &ids).await;
    let mut consumers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let queue = queue.clone();
        consumers.spawn(async move {
            let mut taken = Vec::new();
            while let Some(id) = pop(&*queue, "q").await {
                taken.push(id);
            }
            taken
        });
    }
    let taken: Vec<String> = consumers.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 200);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>().len(), 200);
}

/// A queue in a few lines, to compare with.
#[derive(Default)]
struct Model {
    ready: BTreeMap<usize, (String, u32)>,
    leased: BTreeMap<String, (usize, String, u32)>,
    seen: HashSet<String>,
    next: usize,
}

impl Model {
    /// Takes the element with this id if it was returned, else the oldest that was not.
    fn take_returned(&mut self, id: &[u8]) -> Option<(usize, (String, u32))> {
        let returned = |(_, deliveries): &(String, u32)| *deliveries > 0;
        let number = if self.ready.values().any(returned) {
            let same =
                self.ready.iter().find(|(_, item)| returned(item) && item.0.as_bytes() == id);
            *same?.0
        } else {
            *self.ready.first_key_value()?.0
        };
        self.ready.remove_entry(&number)
    }
}

pub(crate) async fn a_random_history_agrees_with_the_model(engine: Engine) {
    let queue = &*engine.queue();
    let mut model = Model::default();
    let mut tokens: VecDeque<String> = VecDeque::new();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for step in 0..400 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        match random % 6 {
            0 | 1 => {
                let id = (random / 7 % 150).to_string();
                let new = model.seen.insert(id.clone());
                let expected = if new { Pushed::New } else { Pushed::Repeated };
                assert_eq!(push(queue, "q", &[&id]).await, [expected], "step {step}");
                if new {
                    model.ready.insert(model.next, (id, 0));
                    model.next += 1;
                }
            }
            2 | 3 => {
                let leased = queue.lease(&key("q"), LONG).await.unwrap();
                let expected = match &leased {
                    Some(leased) if !engine.returns_in_order => model.take_returned(&leased.data),
                    _ => model.ready.pop_first(),
                };
                assert_eq!(leased.is_some(), expected.is_some(), "step {step}");
                if let (Some(leased), Some((number, (id, deliveries)))) = (leased, expected) {
                    assert_eq!(&leased.data[..], id.as_bytes(), "step {step}");
                    assert_eq!(leased.deliveries, deliveries + 1, "step {step}");
                    tokens.push_back(leased.token.clone());
                    model.leased.insert(leased.token, (number, id, deliveries + 1));
                }
            }
            settle => {
                // Tokens stay in the list, so that ended ones are tried again.
                let Some(token) = tokens.pop_front() else { continue };
                tokens.push_back(token.clone());
                let held = model.leased.remove(&token);
                let answer = if settle == 4 {
                    queue.ack(&key("q"), &token).await.unwrap()
                } else {
                    queue.nack(&key("q"), &token).await.unwrap()
                };
                assert_eq!(answer, held.is_some(), "step {step}");
                if let Some((number, id, deliveries)) = held
                    && settle != 4
                {
                    model.ready.insert(number, (id, deliveries));
                }
            }
        }
        let expected = (model.ready.len() as u64, model.leased.len() as u64);
        assert_eq!(length(queue, "q").await, expected, "step {step}");
    }
}
