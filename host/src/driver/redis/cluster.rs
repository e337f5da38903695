//! `Cluster`: commands that go each to the server that has its key's slot.
//!
//! Commands for one server travel in one pipeline, whatever their slots. A redirected command is
//! sent on alone, since it was not run; nothing else is sent twice from here, because a command
//! whose outcome is unclear may have been run.

use super::{
    Fault,
    endpoint::{Endpoint, Node},
    line::{Answer, Seek},
    server::{Ack, Server},
    slots::Slots,
};
use framedb_core::redis::slot;
use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use parking_lot::Mutex;
use redis::{Arg, Cmd, Pipeline, ServerErrorKind, Value, cmd};
use std::{collections::HashMap, sync::Arc, time::Instant};

/// How often a command is sent on: once for a slot that has moved, once for one that is being
/// moved, and again for news that were old.
const REDIRECTS: usize = 4;

/// A cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    /// What opens each of its servers.
    login: Endpoint,
    /// The servers that the URL names, asked for the others.
    seeds: Vec<Node>,
    replicas: u32,
    /// The servers that were used. Held for one look.
    servers: Mutex<HashMap<Node, Arc<Server>>>,
    /// Held while the cluster is asked for its slots, so that one task does it for all.
    known: tokio::sync::Mutex<Known>,
}

/// What is known of the slots.
#[derive(Debug, Default)]
struct Known {
    slots: Arc<Slots>,
    /// Whether they are to be asked for again before they are next used.
    old: bool,
    /// Counts what was learnt, so that a failure makes old what it went by.
    number: u64,
    /// When asking failed last, and why: the answer for those who waited meanwhile.
    failed: Option<(Instant, Fault)>,
}

/// A command on its way.
struct Errand {
    /// Its place among the commands of the caller.
    index: usize,
    command: Cmd,
    /// The slot of its key.
    slot: u16,
    /// Where it was sent on to, and whether that server must be told so.
    redirect: Option<(Node, bool)>,
}

/// The commands for one server.
#[derive(Default)]
struct Group {
    pipeline: Pipeline,
    /// For every command of the pipeline its place among the caller's and its slot; none for those
    /// added here.
    errands: Vec<Option<(usize, u16)>>,
}

impl Cluster {
    pub(super) fn new(login: Endpoint, seeds: Vec<Node>, replicas: u32) -> Self {
        let known = Known { old: true, ..Known::default() };
        Self { login, seeds, replicas, servers: Mutex::default(), known: known.into() }
    }

    /// Sends commands that have a key each; the answer of each.
    pub(super) async fn send(&self, commands: Vec<Cmd>, ack: Ack) -> Result<Vec<Answer>, Fault> {
        let slotted = |command| (slot(key(&command).unwrap_or_default()), command);
        self.send_to(commands.into_iter().map(slotted).collect(), ack).await
    }

    /// Sends commands to the servers that have these slots; the answer of each.
    pub(super) async fn send_to(
        &self,
        commands: Vec<(u16, Cmd)>,
        ack: Ack,
    ) -> Result<Vec<Answer>, Fault> {
        let mut answers: Vec<Option<Answer>> = commands.iter().map(|_| None).collect();
        let errand = |(index, (slot, command))| Errand { index, command, slot, redirect: None };
        let mut errands: Vec<Errand> = commands.into_iter().enumerate().map(errand).collect();
        for round in 0..=REDIRECTS {
            let (number, slots) = self.slots().await?;
            let mut answer = |index: usize, answer: Answer| {
                if let Some(place) = answers.get_mut(index) {
                    *place = Some(answer);
                }
            };
            let mut groups: HashMap<Node, Group> = HashMap::new();
            let mut news = false;
            for errand in errands.drain(..) {
                match place(&errand, &slots) {
                    Ok(node) => groups.entry(node).or_default().add(errand),
                    Err(fault) => {
                        news = true;
                        answer(errand.index, Err(fault));
                    }
                }
            }
            let sent = groups.into_iter().map(async |(node, mut group)| {
                let answers = self.server(&node).send(&mut group.pipeline, ack).await;
                (node, group, answers)
            });
            for (node, group, result) in join_all(sent).await {
                let place = format!("the server {node}");
                let given: Vec<Answer> = match result {
                    Ok(given) => given,
                    Err(fault) => group.errands.iter().map(|_| Err(fault.clone())).collect(),
                };
                let each = group.errands.iter().zip(group.pipeline.cmd_iter()).zip(given);
                for ((errand, command), given) in each {
                    let Some((index, slot)) = *errand else { continue };
                    let given = given.map_err(|fault| fault.at(&place));
                    news |= given.as_ref().is_err_and(tells_news);
                    match given
                        .as_ref()
                        .err()
                        .and_then(|f| redirect(f, &node))
                        .filter(|_| round < REDIRECTS)
                    {
                        Some(to) => {
                            let command = command.clone();
                            errands.push(Errand { index, command, slot, redirect: Some(to) });
                        }
                        None => answer(index, given),
                    }
                }
            }
            if news {
                self.forget(number).await;
            }
            if errands.is_empty() {
                break;
            }
            // As they were sent: two commands for one key keep their order.
            errands.sort_unstable_by_key(|errand| errand.index);
        }
        Ok(answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(Fault::timeout())))
            .collect())
    }

    /// Sends one command to the server that has this slot, on a connection of its own. It is not
    /// sent on: a redirection is its answer.
    pub(super) async fn send_alone(&self, slot: u16, pipeline: &mut Pipeline) -> Answer {
        let (_, slots) = self.slots().await?;
        let node = slots.node(slot).cloned().ok_or(Fault::Uncovered(slot))?;
        self.server(&node).send_alone(pipeline).await
    }

    /// Every primary, with where it is. The cluster is asked anew, since what is to be complete
    /// must not go by old news.
    pub(super) async fn servers(&self) -> Result<Vec<(Node, Arc<Server>)>, Fault> {
        let number = self.known.lock().await.number;
        self.forget(number).await;
        let (_, slots) = self.slots().await?;
        let server = |node: Node| {
            let server = self.server(&node);
            (node, server)
        };
        Ok(slots.nodes().into_iter().map(server).collect())
    }

    fn server(&self, node: &Node) -> Arc<Server> {
        let mut servers = self.servers.lock();
        let server = servers.entry(node.clone()).or_insert_with(|| {
            Arc::new(Server::new(Seek::Fixed(self.login.at(node).into()), self.replicas))
        });
        server.clone()
    }

    /// The slots, as far as is known now, and the number of what is known.
    async fn slots(&self) -> Result<(u64, Arc<Slots>), Fault> {
        let asked = Instant::now();
        let mut known = self.known.lock().await;
        if !known.old {
            return Ok((known.number, known.slots.clone()));
        }
        if let Some((at, fault)) = &known.failed
            && *at >= asked
        {
            return Err(fault.clone());
        }
        let mut nodes = self.seeds.clone();
        nodes.extend(known.slots.nodes().into_iter().filter(|node| !self.seeds.contains(node)));
        match self.ask(&nodes).await {
            Ok(slots) => {
                let kept = slots.nodes();
                let stays = |node: &Node| kept.contains(node) || self.seeds.contains(node);
                self.servers.lock().retain(|node, _| stays(node));
                let number = known.number + 1;
                *known = Known { slots: Arc::new(slots), old: false, number, failed: None };
                Ok((number, known.slots.clone()))
            }
            Err(fault) => {
                known.failed = Some((Instant::now(), fault.clone()));
                Err(fault)
            }
        }
    }

    /// Asks all of these servers for the slots; the first good answer.
    async fn ask(&self, nodes: &[Node]) -> Result<Slots, Fault> {
        let ask = async |node: &Node| {
            let mut question = Pipeline::with_capacity(1);
            question.cmd("CLUSTER").arg("SLOTS");
            let answers = self.server(node).send(&mut question, Ack::Primary).await;
            let answer = answers.and_then(|mut answers| answers.pop().unwrap_or(Ok(Value::Nil)));
            let slots = answer.and_then(|answer| Slots::read(answer, node));
            slots.map_err(|fault| fault.at(&format!("the server {node}")))
        };
        let mut asked: FuturesUnordered<_> = nodes.iter().map(ask).collect();
        let mut worst = Fault::ClusterDown;
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(slots) if !slots.is_empty() => return Ok(slots),
                // In no cluster (any more).
                Ok(_) => {}
                Err(fault) => worst = fault,
            }
        }
        Err(worst)
    }

    /// Makes old what is known under this number.
    async fn forget(&self, number: u64) {
        let mut known = self.known.lock().await;
        if known.number == number {
            known.old = true;
        }
    }
}

impl Group {
    fn add(&mut self, errand: Errand) {
        if let Some((_, true)) = errand.redirect {
            self.pipeline.add_command(cmd("ASKING"));
            self.errands.push(None);
        }
        self.pipeline.add_command(errand.command);
        self.errands.push(Some((errand.index, errand.slot)));
    }
}

/// Where a command goes.
fn place(errand: &Errand, slots: &Slots) -> Result<Node, Fault> {
    if let Some((node, _)) = &errand.redirect {
        return Ok(node.clone());
    }
    slots.node(errand.slot).cloned().ok_or(Fault::Uncovered(errand.slot))
}

/// The key of a command: behind the number of keys of a script, else the first word behind the
/// command's name.
fn key(command: &Cmd) -> Option<&[u8]> {
    let mut words = command.args_iter().map(|word| match word {
        Arg::Simple(word) => word,
        _ => &[],
    });
    match words.next()? {
        b"EVAL" | b"EVALSHA" => words.nth(2),
        _ => words.next(),
    }
}

/// Where the server at `from` sends a command on to, and whether that server must be told so.
fn redirect(fault: &Fault, from: &Node) -> Option<(Node, bool)> {
    let Fault::Server { cause, .. } = fault else { return None };
    let mut node = Node::parse(cause.redirect_node()?.0)?;
    // A server that does not know how others are reached means its own host.
    if node.host.is_empty() || node.host == "?" {
        node.host = from.host.clone();
    }
    let asks = cause.kind() == redis::ErrorKind::Server(ServerErrorKind::Ask);
    Some((node, asks))
}

/// Whether a failure means that the slots may be with others by now.
fn tells_news(fault: &Fault) -> bool {
    fault.ends_connection() || fault.says("MOVED") || fault.says("CLUSTERDOWN")
}
