//! What was acknowledged by all replicas outlives the primary, whoever takes over.

use crate::{
    engines::{eventually, key, record},
    redis::open_with,
    replicated::{Cluster, MASTER, Replicated},
    server::RedisServer,
};
use framedb_host::store::{Instance, Options};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

/// How many write at the same time.
const WRITERS: usize = 8;

/// How many objects a write carries.
const BATCH: usize = 4;

/// Bytes of an object: what stands in the sockets to replicas is soon more than these take.
const SIZE: usize = 16 << 10;

/// What is written under a name.
fn data(name: &str) -> Vec<u8> {
    name.bytes().cycle().take(SIZE).collect()
}

/// Writers that go on until they are told to end.
struct Load {
    writers: JoinSet<Vec<String>>,
    ended: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Load {
    fn on(instance: &Instance) -> Self {
        let ended = Arc::<AtomicBool>::default();
        let (acknowledged, refused) = (Arc::<AtomicUsize>::default(), Arc::default());
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let objects = instance.objects.clone();
            let ended = ended.clone();
            let (good, bad) = (Arc::clone(&acknowledged), Arc::<AtomicUsize>::clone(&refused));
            writers.spawn(async move {
                let mut kept = Vec::new();
                for n in 0.. {
                    let names: Vec<String> =
                        (0..BATCH).map(|part| format!("w{writer}-{n}-{part}")).collect();
                    let records: Vec<_> =
                        names.iter().map(|name| record(name, &data(name))).collect();
                    for (name, answer) in names.into_iter().zip(objects.put(&records).await) {
                        match answer {
                            Ok(()) => {
                                good.fetch_add(1, Ordering::Relaxed);
                                kept.push(name);
                            }
                            Err(error) => {
                                assert!(error.is_temporary(), "{}", error.chain());
                                bad.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                    // A refusal comes at once: leave the servers some time for each other.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                kept
            });
        }
        Self { writers, ended, acknowledged, refused }
    }

    /// Waits until so many more writes were acknowledged.
    async fn acknowledged(&self, more: usize) {
        let goal = self.acknowledged.load(Ordering::Relaxed) + more;
        eventually(|| async { self.acknowledged.load(Ordering::Relaxed) >= goal }).await;
    }

    /// Waits until a write was refused, or far more were acknowledged than sockets hold.
    async fn refused(&self) {
        let goal = self.acknowledged.load(Ordering::Relaxed) + 2000;
        eventually(|| async {
            self.refused.load(Ordering::Relaxed) > 0
                || self.acknowledged.load(Ordering::Relaxed) >= goal
        })
        .await;
    }

    /// Ends the writers; everything that was acknowledged must be there, and something refused.
    async fn all_is_there(self, instance: &Instance) {
        self.ended.store(true, Ordering::Relaxed);
        let kept: Vec<String> = self.writers.join_all().await.into_iter().flatten().collect();
        assert!(self.refused.load(Ordering::Relaxed) > 0, "nobody was told of the failover");
        for names in kept.chunks(100) {
            let wanted: Vec<_> = names.iter().map(|name| key(name)).collect();
            for (name, found) in names.iter().zip(instance.objects.get(&wanted).await) {
                let found = found.unwrap();
                assert!(found.is_some_and(|found| found == data(name)), "{name} of {}", kept.len());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_with_a_master_behind_sentinels() {
    let mut replicated = Replicated::start(None, false).await;
    let options = Options { wait_replicas: 2, ..Options::default() };
    let instance = open_with(&replicated.url("", MASTER), options).await.unwrap();
    let load = Load::on(&instance);
    load.acknowledged(500).await;
    let lost = replicated.master().port();
    // The master goes while its replicas are behind.
    let replicas: Vec<u16> = replicated.servers.iter().map(RedisServer::port).collect();
    let replicas = replicas.into_iter().filter(|port| *port != lost);
    replicas.clone().for_each(|port| replicated.at(port).pause(true));
    load.refused().await;
    replicated.at(lost).stop();
    replicas.for_each(|port| replicated.at(port).pause(false));
    eventually(|| async { replicated.master().port() != lost }).await;
    // Writes go on when there are two replicas again.
    let port = replicated.master().port().to_string();
    let old = replicated.at(lost);
    old.start_again();
    assert_eq!(old.command(&["REPLICAOF", "127.0.0.1", &port]), "+OK");
    load.acknowledged(500).await;
    load.all_is_there(&instance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_with_a_server_of_a_cluster() {
    let mut cluster = Cluster::start(3).await;
    for primary in 0..3 {
        cluster.add_replica(primary).await;
    }
    let options = Options { wait_replicas: 1, ..Options::default() };
    let instance = open_with(&cluster.url(), options).await.unwrap();
    let load = Load::on(&instance);
    load.acknowledged(500).await;
    // The primary goes while its replica is behind.
    cluster.servers[3].pause(true);
    load.refused().await;
    cluster.servers[0].stop();
    cluster.servers[3].pause(false);
    let replica = &cluster.servers[3];
    eventually(|| async { replica.command(&["ROLE"]).contains("master") }).await;
    // The one that comes back finds its place taken, and replicates who took it.
    cluster.servers[0].start_again();
    eventually(|| async { instance.objects.health().await.is_ok() }).await;
    load.acknowledged(500).await;
    load.all_is_there(&instance).await;
}
