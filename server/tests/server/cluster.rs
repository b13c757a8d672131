//! A cluster whose masters have replicas, and one of the masters dies or sleeps. Each test takes a failover, so they
//! run only when asked for: `npm run test:cluster`.

use std::time::{Duration, Instant};

use redis::AsyncCommands;

use crate::redis::{Cluster, Redis};
use crate::support::{Chunk, PATIENCE, Stream, TestServer, kinds, stored_text, text};

const TASKS: usize = 12;
/// The longest pause in the stream of a task whose node lives. The streams have a chunk every 20 ms.
const LONGEST_PAUSE: Duration = Duration::from_millis(2500);

/// A task that is followed, and the longest pause between two of its chunks.
struct Followed {
    session: String,
    task: String,
    chunks: Vec<Chunk>,
    pause: Duration,
}

async fn follow(server: &TestServer, session: String, mut stream: Stream) -> Followed {
    let task = stream.task();
    let (mut chunks, mut pause) = (Vec::<Chunk>::new(), Duration::ZERO);
    let (begun, mut last) = (Instant::now(), Instant::now());
    loop {
        while let Some(chunk) = stream.next().await {
            pause = pause.max(last.elapsed());
            last = Instant::now();
            chunks.push(chunk);
        }
        if stream.is_done() {
            return Followed { session, task, chunks, pause };
        }
        assert!(begun.elapsed() < PATIENCE * 2, "stuck");
        stream = server.rejoin(&task, &mut chunks).await;
    }
}

/// Whether this node has the slot of the session.
async fn has(node: &Redis, session: &str) -> bool {
    let mut connection = node.connection().await.unwrap();
    connection.exists::<_, bool>(format!("rejoin:{{{session}}}:session")).await.unwrap_or(false)
}

/// What happens to a master.
#[derive(Clone, Copy)]
enum Fate {
    Dies,
    /// It sleeps until its replica has taken over, and then comes back.
    Sleeps,
}

async fn meet(node: &mut Redis, fate: Fate) {
    tokio::time::sleep(Duration::from_millis(500)).await;
    match fate {
        Fate::Dies => node.stop(),
        Fate::Sleeps => {
            node.signal("STOP");
            tokio::time::sleep(Duration::from_secs(3)).await;
            node.signal("CONT");
        }
    }
}

async fn one_master(which: usize, fate: Fate) {
    let mut cluster = Cluster::start(1).await;
    let (a, b) = (&cluster.server().await, &cluster.server().await);
    let mut following = Vec::new();
    let mut sessions = Vec::new();
    for _ in 0..TASKS {
        let session = a.session().await;
        let mut stream = a.send(&session, "/tokens 400 /rate 50").await;
        stream.until("text-delta").await;
        let joined = b.join(&stream.task(), "0-0").await;
        sessions.push((session.clone(), has(&cluster.0[which], &session).await));
        following.push(follow(b, session, joined));
    }
    assert!(sessions.iter().any(|(_, dies)| *dies) && sessions.iter().any(|(_, dies)| !*dies));
    let meeting = meet(&mut cluster.0[which], fate);
    let (followed, ()) = tokio::join!(futures_util::future::join_all(following), meeting);
    for (followed, (session, dies)) in followed.iter().zip(&sessions) {
        assert_eq!(followed.session, *session);
        let deltas = kinds(&followed.chunks).iter().filter(|kind| **kind == "text-delta").count();
        assert_eq!(deltas, 400, "{:?}", followed.chunks.last());
        assert!(*dies || followed.pause < LONGEST_PAUSE, "{:?} on a node that lives", followed.pause);
        assert_eq!(b.show(&format!("/tasks/{}", followed.task)).await["status"], "completed");
        assert_eq!(stored_text(&b.show(&format!("/sessions/{session}")).await), text(&followed.chunks));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a failover of a cluster"]
async fn tasks_of_other_nodes_go_on_and_its_own_become_whole_when_a_master_dies() {
    one_master(1, Fate::Dies).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a failover of a cluster"]
async fn the_node_that_was_named_to_the_servers_may_die_as_any_other() {
    one_master(0, Fate::Dies).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a failover of a cluster"]
async fn tasks_of_other_nodes_go_on_and_its_own_become_whole_when_a_master_sleeps() {
    one_master(1, Fate::Sleeps).await;
}
