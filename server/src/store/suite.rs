//! What every store promises, written once and run against each.

use std::future::Future;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;

const TERMS: Terms = Terms { ttl: Duration::from_secs(60), lease: Duration::from_millis(400) };

/// A store, and what has to live as long as it.
struct Fixture {
    store: SharedStore,
    _redis: Option<RedisServer>,
    _folder: tempfile::TempDir,
}

impl std::ops::Deref for Fixture {
    type Target = SharedStore;
    fn deref(&self) -> &SharedStore {
        &self.store
    }
}

/// A Redis of its own on a free port, stopped when dropped.
struct RedisServer {
    child: Child,
    port: u16,
}

impl RedisServer {
    fn start(folder: &tempfile::TempDir) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        Self { child, port }
    }

    async fn store(&self) -> SharedStore {
        loop {
            match open(&format!("redis://127.0.0.1:{}", self.port), TERMS).await {
                Ok(store) => return store,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn memory_store() -> Fixture {
    let store = open("memory", TERMS).await.unwrap();
    Fixture { store, _redis: None, _folder: tempfile::tempdir().unwrap() }
}

async fn embedded_store() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&format!("embedded:{}", folder.path().join("a.redb").display()), TERMS).await.unwrap();
    Fixture { store, _redis: None, _folder: folder }
}

async fn redis_store() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let redis = RedisServer::start(&folder);
    Fixture { store: redis.store().await, _redis: Some(redis), _folder: folder }
}

/// Runs each named promise against each store.
macro_rules! promises {
    ($($promise:ident),* $(,)?) => {
        mod memory { $(#[tokio::test] async fn $promise() { super::$promise(super::memory_store().await).await })* }
        mod embedded { $(#[tokio::test] async fn $promise() { super::$promise(super::embedded_store().await).await })* }
        mod redis { $(#[tokio::test] async fn $promise() { super::$promise(super::redis_store().await).await })* }
    };
}

promises!(
    a_session_is_stored_listed_and_claimed_once,
    messages_keep_their_place_when_replaced,
    a_task_begins_once_per_session_and_message,
    begins_that_race_have_one_winner,
    entries_are_read_after_a_cursor_in_order,
    an_append_that_is_repeated_writes_once,
    a_claim_that_was_taken_over_writes_nothing,
    a_task_ends_once_and_its_session_is_free,
    a_bell_rings_for_what_comes_after_it,
    a_lease_that_is_renewed_does_not_lapse,
    a_lapsed_task_is_reaped_once,
    a_waiting_task_holds_no_lease_and_is_resumed_once,
    a_resumption_that_lapses_waits_again,
    a_trimmed_log_is_a_snapshot_and_the_rest,
    a_completion_is_delivered_until_it_is_settled,
    a_completion_that_is_held_is_not_delivered_again,
    a_buried_completion_is_not_delivered_again,
    unknown_things_are_missing,
);

fn session(id: &str) -> Session {
    Session { id: id.into(), created_at: 5, updated_at: 5, title: None, user_id: None }
}

fn message(id: &str, task: &str) -> Message {
    Message {
        id: id.into(),
        sequence: 0,
        role: Role::User,
        content: format!("content of {id}"),
        tool_calls: Vec::new(),
        tool_call_id: None,
        name: None,
        created_at: 7,
        task_id: task.into(),
    }
}

fn new_task(id: &str, session: &str, answers: &str) -> NewTask {
    let task = Task {
        id: id.into(),
        session_id: session.into(),
        status: Status::Running,
        stage: Stage::Working,
        answers: answers.into(),
        writes: format!("answer-{id}"),
        created_at: 9,
        operations: Vec::new(),
    };
    NewTask { task, message: message(answers, id), title: "title".into() }
}

fn operation(id: &str) -> Operation {
    Operation { id: id.into(), tool_name: "deploy".into(), tool_call_id: "call".into(), position: 0 }
}

fn chunks(texts: &[&str]) -> Vec<Arc<str>> {
    texts.iter().map(|text| Arc::from(*text)).collect()
}

/// A running task `t` of session `s`.
async fn begun(store: &SharedStore) -> Claim {
    store.create_session(session("s")).await.unwrap();
    match store.begin(new_task("t", "s", "m")).await.unwrap() {
        Begin::Begun(claim) => claim,
        other => panic!("{other:?}"),
    }
}

fn at(claim: &Claim, position: u64) -> Claim {
    Claim { position, ..claim.clone() }
}

async fn slice(store: &SharedStore, after: EventId) -> Slice {
    match store.read("t", after, 100).await.unwrap() {
        Lookup::Found(slice) => slice,
        other => panic!("{other:?}"),
    }
}

fn data(slice: &Slice) -> Vec<&str> {
    slice.entries.iter().map(|entry| &*entry.data).collect()
}

async fn task(store: &SharedStore) -> Task {
    match store.task("t").await.unwrap() {
        Lookup::Found(task) => task,
        other => panic!("{other:?}"),
    }
}

/// Asks until there is something.
async fn eventually<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    let poll = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), poll).await.unwrap()
}

async fn delivered(store: &SharedStore) -> Delivery {
    eventually(|| async { store.completions().await.unwrap().pop() }).await
}

async fn a_session_is_stored_listed_and_claimed_once(store: Fixture) {
    for (id, at) in [("a", 10), ("b", 30), ("c", 20)] {
        store.create_session(Session { created_at: at, updated_at: at, ..session(id) }).await.unwrap();
    }
    assert_eq!(store.session("a").await.unwrap().unwrap().created_at, 10);
    let (page, total) = store.sessions(Scope::All, Page { limit: 2, offset: 0 }).await.unwrap();
    assert_eq!((page.iter().map(|session| session.id.as_str()).collect::<Vec<_>>(), total), (vec!["b", "c"], 3));
    let (page, _) = store.sessions(Scope::All, Page { limit: 2, offset: 2 }).await.unwrap();
    assert_eq!(page[0].id, "a");
    let (page, _) = store.sessions(Scope::All, Page { limit: 2, offset: usize::MAX }).await.unwrap();
    assert!(page.is_empty());
    assert_eq!(store.assign_session("a", "ada").await.unwrap().unwrap().user_id.as_deref(), Some("ada"));
    assert_eq!(store.assign_session("a", "bob").await.unwrap().unwrap().user_id.as_deref(), Some("ada"));
    assert_eq!(store.assign_session("x", "bob").await.unwrap(), None);
    let (page, total) = store.sessions(Scope::User("ada".into()), Page { limit: 9, offset: 0 }).await.unwrap();
    assert_eq!((page[0].id.as_str(), total), ("a", 1));
}

async fn messages_keep_their_place_when_replaced(store: Fixture) {
    store.create_session(session("s")).await.unwrap();
    store.put_messages("s", vec![message("a", "t"), message("b", "t")]).await.unwrap();
    store
        .put_messages("s", vec![Message { content: "new".into(), ..message("a", "t") }, message("c", "t")])
        .await
        .unwrap();
    let all = store.messages("s").await.unwrap();
    let seen: Vec<(u64, &str, &str)> =
        all.iter().map(|message| (message.sequence, message.id.as_str(), message.content.as_str())).collect();
    assert_eq!(seen, [(1, "a", "new"), (2, "b", "content of b"), (3, "c", "content of c")]);
    assert_eq!(store.message("s", "b").await.unwrap().as_ref(), Some(&all[1]));
    assert!(store.session("s").await.unwrap().unwrap().updated_at > 5);
}

async fn a_task_begins_once_per_session_and_message(store: Fixture) {
    assert_eq!(store.begin(new_task("t", "none", "m")).await.unwrap(), Begin::NoSession);
    let claim = begun(&store).await;
    assert_eq!(claim, Claim { task: "t".into(), epoch: 1, position: 0 });
    assert_eq!(store.begin(new_task("u", "s", "n")).await.unwrap(), Begin::Busy("t".into()));
    assert_eq!(store.message("s", "n").await.unwrap(), None);
    assert_eq!(store.active("s").await.unwrap().unwrap(), new_task("t", "s", "m").task);
    assert_eq!(store.session("s").await.unwrap().unwrap().title.as_deref(), Some("title"));
    store.finish(&claim, Status::Completed, &chunks(&["end"])).await.unwrap();
    assert_eq!(store.begin(new_task("u", "s", "m")).await.unwrap(), Begin::Repeated("t".into()));
    assert_eq!(store.active("s").await.unwrap(), None);
    assert_eq!(store.task("u").await.unwrap(), Lookup::Missing);
}

async fn begins_that_race_have_one_winner(store: Fixture) {
    store.create_session(session("s")).await.unwrap();
    let begins = (0..10).map(|number| store.begin(new_task(&format!("t{number}"), "s", &format!("m{number}"))));
    let outcomes = futures_util::future::try_join_all(begins).await.unwrap();
    let won = outcomes.iter().filter(|outcome| matches!(outcome, Begin::Begun(_))).count();
    assert_eq!(won, 1, "{outcomes:?}");
    assert_eq!(store.messages("s").await.unwrap().len(), 1);
}

async fn entries_are_read_after_a_cursor_in_order(store: Fixture) {
    let claim = begun(&store).await;
    assert!(slice(&store, EventId::ZERO).await.entries.is_empty());
    let ids = store.append(&claim, &chunks(&["a", "b\u{0}", "ç"])).await.unwrap();
    assert!(ids.is_sorted_by(|one, next| one < next) && ids[0] > EventId::ZERO);
    let all = slice(&store, EventId::ZERO).await;
    assert_eq!((data(&all), all.last, all.trimmed), (vec!["a", "b\u{0}", "ç"], ids[2], EventId::ZERO));
    assert_eq!(all.entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), ids);
    assert_eq!(data(&slice(&store, ids[0]).await), ["b\u{0}", "ç"]);
    let Lookup::Found(one) = store.read("t", EventId::ZERO, 1).await.unwrap() else { panic!() };
    assert_eq!((data(&one), one.last), (vec!["a"], ids[2]));
    let end = EventId { ms: u64::MAX, seq: u64::MAX };
    assert!(slice(&store, end).await.entries.is_empty());
}

async fn an_append_that_is_repeated_writes_once(store: Fixture) {
    let claim = begun(&store).await;
    let first = store.append(&claim, &chunks(&["a", "b"])).await.unwrap();
    assert_eq!(store.append(&claim, &chunks(&["a", "b"])).await.unwrap(), first);
    store.append(&at(&claim, 2), &chunks(&["c"])).await.unwrap();
    assert_eq!(store.append(&claim, &chunks(&["a", "b"])).await, Err(StoreError::Fenced));
    assert_eq!(data(&slice(&store, EventId::ZERO).await), ["a", "b", "c"]);
}

async fn a_claim_that_was_taken_over_writes_nothing(store: Fixture) {
    let old = begun(&store).await;
    store.append(&old, &chunks(&["a"])).await.unwrap();
    let new = store.seize("t").await.unwrap().unwrap();
    assert_eq!((new.epoch, new.position), (2, 1));
    let old = at(&old, 1);
    assert_eq!(store.append(&old, &chunks(&["x"])).await, Err(StoreError::Fenced));
    assert_eq!(store.finish(&old, Status::Completed, &chunks(&["x"])).await, Err(StoreError::Fenced));
    assert_eq!(store.suspend(&old, operation("o"), &chunks(&["x"])).await, Err(StoreError::Fenced));
    assert_eq!(store.trim(&old, EventId { ms: 1, seq: 0 }, Vec::new()).await, Err(StoreError::Fenced));
    assert_eq!(store.renew(&old).await, Err(StoreError::Fenced));
    store.append(&new, &chunks(&["b"])).await.unwrap();
    assert_eq!(data(&slice(&store, EventId::ZERO).await), ["a", "b"]);
}

async fn a_task_ends_once_and_its_session_is_free(store: Fixture) {
    let claim = begun(&store).await;
    store.finish(&claim, Status::Failed, &chunks(&["error", "finish"])).await.unwrap();
    assert_eq!(task(&store).await.status, Status::Failed);
    let all = slice(&store, EventId::ZERO).await;
    assert_eq!((data(&all), all.status), (vec!["error", "finish"], Status::Failed));
    assert_eq!(store.append(&at(&claim, 2), &chunks(&["x"])).await, Err(StoreError::Fenced));
    assert_eq!(store.seize("t").await.unwrap(), None);
    assert_eq!(store.active("s").await.unwrap(), None);
    assert!(matches!(store.begin(new_task("u", "s", "n")).await.unwrap(), Begin::Begun(_)));
}

async fn a_bell_rings_for_what_comes_after_it(store: Fixture) {
    let claim = begun(&store).await;
    let mut subscription = store.watch("t").await.unwrap();
    store.append(&claim, &chunks(&["a"])).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), subscription.notified()).await.unwrap();
    assert_eq!(data(&slice(&store, EventId::ZERO).await), ["a"]);
    store.finish(&at(&claim, 1), Status::Completed, &chunks(&["b"])).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), subscription.notified()).await.unwrap();
}

async fn a_lease_that_is_renewed_does_not_lapse(store: Fixture) {
    let claim = begun(&store).await;
    for position in 0..8 {
        tokio::time::sleep(TERMS.lease / 4).await;
        assert!(store.lapsed().await.unwrap().is_empty());
        assert_eq!(store.reap("t").await.unwrap(), None);
        store.renew(&claim).await.unwrap();
        if position == 4 {
            store.append(&claim, &chunks(&["a"])).await.unwrap();
        }
    }
}

async fn a_lapsed_task_is_reaped_once(store: Fixture) {
    let claim = begun(&store).await;
    eventually(|| async { store.lapsed().await.unwrap().pop() }).await;
    let taken = eventually(|| async { store.reap("t").await.unwrap() }).await;
    assert_eq!(taken.epoch, claim.epoch + 1);
    assert_eq!(store.reap("t").await.unwrap(), None);
    assert_eq!(store.append(&claim, &chunks(&["x"])).await, Err(StoreError::Fenced));
    store.finish(&taken, Status::Failed, &chunks(&["error"])).await.unwrap();
    tokio::time::sleep(TERMS.lease).await;
    for id in store.lapsed().await.unwrap() {
        assert_eq!(store.reap(&id).await.unwrap(), None);
    }
    assert!(store.lapsed().await.unwrap().is_empty());
}

async fn a_waiting_task_holds_no_lease_and_is_resumed_once(store: Fixture) {
    let claim = begun(&store).await;
    store.suspend(&claim, operation("o"), &chunks(&["started"])).await.unwrap();
    assert_eq!(store.operation("o").await.unwrap().as_deref(), Some("t"));
    let waiting = task(&store).await;
    assert_eq!((waiting.stage, waiting.operation().unwrap().position), (Stage::Waiting, 1));
    tokio::time::sleep(TERMS.lease * 2).await;
    for id in store.lapsed().await.unwrap() {
        assert_eq!(store.reap(&id).await.unwrap(), None);
    }
    assert_eq!(task(&store).await.status, Status::Running);
    assert_eq!(store.resume("t", "other").await.unwrap(), Resume::Settled);
    let Resume::Claimed(resumed, _) = store.resume("t", "o").await.unwrap() else { panic!() };
    assert_eq!(resumed.position, 1);
    assert_eq!(store.resume("t", "o").await.unwrap(), Resume::Busy);
    assert_eq!(store.append(&at(&claim, 1), &chunks(&["x"])).await, Err(StoreError::Fenced));
    store.finish(&resumed, Status::Completed, &chunks(&["end"])).await.unwrap();
    assert_eq!(store.resume("t", "o").await.unwrap(), Resume::Settled);
}

async fn a_resumption_that_lapses_waits_again(store: Fixture) {
    let claim = begun(&store).await;
    store.suspend(&claim, operation("o"), &chunks(&["started"])).await.unwrap();
    let Resume::Claimed(dead, _) = store.resume("t", "o").await.unwrap() else { panic!() };
    store.append(&dead, &chunks(&["half"])).await.unwrap();
    eventually(|| async {
        assert_eq!(store.reap("t").await.unwrap(), None);
        (task(&store).await.stage == Stage::Waiting).then_some(())
    })
    .await;
    assert_eq!(task(&store).await.status, Status::Running);
    assert_eq!(store.append(&at(&dead, 2), &chunks(&["x"])).await, Err(StoreError::Fenced));
    let Resume::Claimed(again, task) = store.resume("t", "o").await.unwrap() else { panic!() };
    assert_eq!((again.position, task.operation().unwrap().position), (2, 1));
}

async fn a_trimmed_log_is_a_snapshot_and_the_rest(store: Fixture) {
    let claim = begun(&store).await;
    let ids = store.append(&claim, &chunks(&["a", "b", "c", "d"])).await.unwrap();
    let merged = vec![Entry { id: ids[1], data: "ab".into() }];
    store.trim(&claim, ids[1], merged).await.unwrap();
    let all = slice(&store, EventId::ZERO).await;
    assert_eq!((data(&all), all.trimmed, all.first, all.last), (vec!["ab", "c", "d"], ids[1], ids[2], ids[3]));
    let rest = slice(&store, ids[1]).await;
    assert_eq!((data(&rest), rest.first), (vec!["c", "d"], ids[2]));
    store.append(&at(&claim, 4), &chunks(&["e"])).await.unwrap();
    store.trim(&claim, ids[2], vec![Entry { id: ids[2], data: "abc".into() }]).await.unwrap();
    assert_eq!(data(&slice(&store, EventId::ZERO).await), ["abc", "d", "e"]);
    let Lookup::Found(one) = store.read("t", EventId::ZERO, 1).await.unwrap() else { panic!() };
    assert_eq!(data(&one), ["abc"]);
}

async fn a_completion_is_delivered_until_it_is_settled(store: Fixture) {
    store.push_completion("{}").await.unwrap();
    let first = delivered(&store).await;
    assert_eq!((first.data.as_str(), first.attempt), ("{}", 1));
    let second = delivered(&store).await;
    assert_eq!((&second.id, second.attempt), (&first.id, 2));
    store.settle(&second).await.unwrap();
    tokio::time::sleep(TERMS.lease * 2).await;
    assert!(store.completions().await.unwrap().is_empty());
}

async fn a_completion_that_is_held_is_not_delivered_again(store: Fixture) {
    store.push_completion("{}").await.unwrap();
    let first = delivered(&store).await;
    for _ in 0..8 {
        tokio::time::sleep(TERMS.lease / 4).await;
        store.hold(&first).await.unwrap();
        assert!(store.completions().await.unwrap().is_empty());
    }
    assert_eq!(delivered(&store).await.attempt, 2);
}

async fn a_buried_completion_is_not_delivered_again(store: Fixture) {
    store.push_completion("no JSON").await.unwrap();
    let first = delivered(&store).await;
    store.bury(&first, "does not parse").await.unwrap();
    tokio::time::sleep(TERMS.lease * 2).await;
    assert!(store.completions().await.unwrap().is_empty());
}

async fn unknown_things_are_missing(store: Fixture) {
    store.ping().await.unwrap();
    assert_eq!(store.session("x").await.unwrap(), None);
    assert_eq!(store.task("x").await.unwrap(), Lookup::Missing);
    assert_eq!(store.read("x", EventId::ZERO, 1).await.unwrap(), Lookup::Missing);
    assert_eq!(store.active("x").await.unwrap(), None);
    assert_eq!(store.seize("x").await.unwrap(), None);
    assert_eq!(store.reap("x").await.unwrap(), None);
    assert_eq!(store.resume("x", "o").await.unwrap(), Resume::Settled);
    assert_eq!(store.operation("x").await.unwrap(), None);
    assert!(store.messages("x").await.unwrap().is_empty());
}
