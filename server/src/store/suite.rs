//! What every store promises, written once and run against each.

use std::future::Future;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Map;

use super::notifications::{Notification, Publication};
use super::*;
use crate::clock;

const LEASE: Duration = Duration::from_millis(400);
const ALL: Portion = Portion { entries: 100, bytes: 1024 * 1024 };
const ONE: Portion = Portion { entries: 1, bytes: 1024 * 1024 };
/// A running task of session `s`.
const T: &str = "s.t";

fn terms() -> Terms {
    let minute = Duration::from_secs(60);
    Terms { ttl: minute, session_ttl: Some(minute), lease: LEASE, prefix: "rejoin".into() }
}

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
            match open(&format!("redis://127.0.0.1:{}", self.port), terms()).await {
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
    let store = open("memory", terms()).await.unwrap();
    Fixture { store, _redis: None, _folder: tempfile::tempdir().unwrap() }
}

async fn embedded_store() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&format!("embedded:{}", folder.path().join("a.redb").display()), terms()).await.unwrap();
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

mod removal;
mod turns;

promises!(
    a_session_is_stored_listed_and_claimed_once,
    messages_keep_their_place_when_replaced,
    a_task_begins_once_per_session_and_message,
    what_the_app_sent_is_kept_while_its_task_runs,
    begins_that_race_have_one_winner,
    entries_are_read_after_a_cursor_in_order,
    an_append_that_is_repeated_writes_once,
    a_claim_that_was_taken_over_writes_nothing,
    a_task_ends_once_and_its_session_is_free,
    a_publication_carries_what_comes_after_it,
    a_beginning_is_repeated_or_withdrawn,
    an_end_that_is_repeated_ends_once,
    a_cursor_that_the_log_does_not_have_is_a_gap,
    a_cursor_between_two_entries_is_a_gap_where_entries_may_be_lost,
    a_page_is_bounded_in_bytes_and_holds_one_entry_at_least,
    a_task_that_is_condemned_fails_and_frees_its_session,
    a_lease_that_is_renewed_does_not_lapse,
    a_lapsed_task_is_reaped_once,
    a_waiting_task_holds_no_lease_and_is_resumed_once,
    a_resumption_that_lapses_waits_again,
    a_resumption_that_has_written_something_is_reaped,
    a_resumption_that_is_given_back_waits_again,
    a_trimmed_log_is_a_snapshot_and_the_rest,
    a_completion_is_delivered_until_it_is_settled,
    a_completion_that_is_held_is_not_delivered_again,
    a_completion_that_is_released_does_not_count,
    a_buried_completion_is_not_delivered_again,
    unknown_things_are_missing,
);

fn session(id: &str) -> Session {
    Session { id: id.into(), created_at: 5, updated_at: 5, title: None, user_id: None, last_task: None }
}

pub(super) fn message(id: &str, task: &str) -> Message {
    Message {
        id: id.into(),
        sequence: 0,
        role: Role::User,
        content: format!("content of {id}"),
        tool_calls: Vec::new(),
        tool_call_id: None,
        name: None,
        parts: Vec::new(),
        metadata: None,
        created_at: 7,
        task_id: task.into(),
    }
}

fn new_task(id: &str, session: &str, answers: &str) -> Begin {
    let task = Task {
        id: id.into(),
        session_id: session.into(),
        status: Status::Running,
        stage: Stage::Working,
        answers: answers.into(),
        writes: format!("answer-{id}"),
        created_at: 9,
        operations: Vec::new(),
        body: Map::new(),
    };
    Begin {
        task,
        expected: Expected::Anything,
        names: vec![answers.into()],
        replaced: Replacement::default(),
        messages: vec![message(answers, id)],
        title: "title".into(),
        owner: None,
        chunks: Vec::new(),
    }
}

fn operation(id: &str) -> Operation {
    Operation { id: id.into(), tool_name: "deploy".into(), tool_call_id: "call".into(), position: 0 }
}

fn chunks(texts: &[&str]) -> Vec<Arc<str>> {
    texts.iter().map(|text| Arc::from(*text)).collect()
}

fn end(status: Status, texts: &[&str]) -> End {
    End { status, chunks: chunks(texts), messages: Vec::new() }
}

/// A running task.
async fn begun(store: &SharedStore) -> Claim {
    store.create_session(session("s")).await.unwrap();
    match store.begin(&new_task(T, "s", "m")).await.unwrap() {
        Begun::Claimed(claim, _) => claim,
        other => panic!("{other:?}"),
    }
}

fn at(claim: &Claim, position: u64) -> Claim {
    Claim { position, ..claim.clone() }
}

async fn slice(store: &SharedStore, after: EventId) -> Slice {
    match store.read(T, after, ALL).await.unwrap() {
        Lookup::Found(slice) => slice,
        other => panic!("{other:?}"),
    }
}

fn data(slice: &Slice) -> Vec<&str> {
    slice.entries.iter().map(|entry| &*entry.data).collect()
}

async fn task(store: &SharedStore) -> Task {
    match store.task(T).await.unwrap() {
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
    let first = Message { content: "new".into(), ..message("a", T) };
    let Begun::Claimed(claim, _) = store.begin(&new_task(T, "s", "a")).await.unwrap() else { panic!() };
    let messages = vec![message("b", T)];
    store.finish(&claim, &End { messages, ..end(Status::Completed, &["end"]) }).await.unwrap();
    let Begun::Claimed(claim, _) = store.begin(&new_task("s.u", "s", "c")).await.unwrap() else { panic!() };
    store.finish(&claim, &End { messages: vec![first], ..end(Status::Completed, &["end"]) }).await.unwrap();
    let all = store.messages("s").await.unwrap();
    let seen: Vec<(u64, &str, &str)> =
        all.iter().map(|message| (message.sequence, message.id.as_str(), message.content.as_str())).collect();
    assert_eq!(seen, [(1, "a", "new"), (2, "b", "content of b"), (3, "c", "content of c")]);
    assert_eq!(store.message("s", "b").await.unwrap().as_ref(), Some(&all[1]));
    assert!(store.session("s").await.unwrap().unwrap().updated_at > 5);
}

async fn a_task_begins_once_per_session_and_message(store: Fixture) {
    assert_eq!(store.begin(&new_task("none.t", "none", "m")).await.unwrap(), Begun::NoSession);
    let claim = begun(&store).await;
    assert_eq!(claim, Claim { task: T.into(), epoch: 1, position: 0 });
    assert_eq!(store.begin(&new_task("s.u", "s", "n")).await.unwrap(), Begun::Busy(T.into()));
    assert_eq!(store.message("s", "n").await.unwrap(), None);
    assert_eq!(store.active("s").await.unwrap().unwrap(), new_task(T, "s", "m").task);
    assert_eq!(store.session("s").await.unwrap().unwrap().title.as_deref(), Some("title"));
    store.finish(&claim, &end(Status::Completed, &["end"])).await.unwrap();
    assert_eq!(store.begin(&new_task("s.u", "s", "m")).await.unwrap(), Begun::Repeated(T.into()));
    assert_eq!(store.active("s").await.unwrap(), None);
    assert_eq!(store.task("s.u").await.unwrap(), Lookup::Missing);
}

async fn what_the_app_sent_is_kept_while_its_task_runs(store: Fixture) {
    store.create_session(session("s")).await.unwrap();
    let mut begin = new_task(T, "s", "m");
    begin.task.body.insert("model".into(), serde_json::json!({ "name": "large", "n": [1, null] }));
    let Begun::Claimed(claim, _) = store.begin(&begin).await.unwrap() else { panic!("not begun") };
    assert_eq!(store.task(T).await.unwrap(), Lookup::Found(begin.task));
    store.finish(&claim, &end(Status::Completed, &["end"])).await.unwrap();
    let Lookup::Found(task) = store.task(T).await.unwrap() else { panic!("no task") };
    assert!(task.body.is_empty());
}

async fn begins_that_race_have_one_winner(store: Fixture) {
    store.create_session(session("s")).await.unwrap();
    let all: Vec<Begin> = (0..10).map(|number| new_task(&format!("s.t{number}"), "s", &format!("m{number}"))).collect();
    let begins = all.iter().map(|begin| store.begin(begin));
    let outcomes = futures_util::future::try_join_all(begins).await.unwrap();
    let won = outcomes.iter().filter(|outcome| matches!(outcome, Begun::Claimed(..))).count();
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
    let Lookup::Found(one) = store.read(T, EventId::ZERO, ONE).await.unwrap() else { panic!() };
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
    let new = store.seize(T).await.unwrap().unwrap();
    assert_eq!((new.epoch, new.position), (2, 1));
    let old = at(&old, 1);
    assert_eq!(store.append(&old, &chunks(&["x"])).await, Err(StoreError::Fenced));
    assert_eq!(store.finish(&old, &end(Status::Completed, &["x"])).await, Err(StoreError::Fenced));
    assert_eq!(store.suspend(&old, &operation("o"), &chunks(&["x"])).await, Err(StoreError::Fenced));
    assert_eq!(store.trim(&old, EventId { ms: 1, seq: 0 }, &[]).await, Err(StoreError::Fenced));
    assert_eq!(store.renew(&old).await, Err(StoreError::Fenced));
    store.append(&new, &chunks(&["b"])).await.unwrap();
    assert_eq!(data(&slice(&store, EventId::ZERO).await), ["a", "b"]);
}

async fn a_task_ends_once_and_its_session_is_free(store: Fixture) {
    let claim = begun(&store).await;
    store.finish(&claim, &end(Status::Failed, &["error", "finish"])).await.unwrap();
    assert_eq!(task(&store).await.status, Status::Failed);
    let all = slice(&store, EventId::ZERO).await;
    assert_eq!((data(&all), all.status), (vec!["error", "finish"], Status::Failed));
    assert_eq!(store.append(&at(&claim, 2), &chunks(&["x"])).await, Err(StoreError::Fenced));
    assert_eq!(store.seize(T).await.unwrap(), None);
    assert_eq!(store.active("s").await.unwrap(), None);
    assert!(matches!(store.begin(&new_task("s.u", "s", "n")).await.unwrap(), Begun::Claimed(..)));
}

async fn next(subscription: &mut Subscription) -> Publication {
    match tokio::time::timeout(Duration::from_secs(5), subscription.next()).await.unwrap() {
        Notification::Changed(publication) => publication,
        Notification::Unknown => panic!("nothing was lost"),
    }
}

async fn a_publication_carries_what_comes_after_it(store: Fixture) {
    let claim = begun(&store).await;
    let before = store.append(&claim, &chunks(&["a"])).await.unwrap();
    let mut subscription = store.watch(T).await.unwrap();
    let ids = store.append(&at(&claim, 1), &chunks(&["b\u{0}", "ç"])).await.unwrap();
    store.append(&at(&claim, 1), &chunks(&["b\u{0}", "ç"])).await.unwrap();
    let appended = next(&mut subscription).await;
    assert_eq!((appended.previous, appended.last, appended.status), (before[0], ids[1], Status::Running));
    assert_eq!(appended.entries[..], slice(&store, before[0]).await.entries[..]);
    let last = store.finish(&at(&claim, 3), &end(Status::Completed, &["d"])).await.unwrap();
    let ended = next(&mut subscription).await;
    assert_eq!((ended.previous, ended.last, ended.status), (ids[1], last[0], Status::Completed));
}

async fn a_beginning_is_repeated_or_withdrawn(store: Fixture) {
    store.create_session(session("s")).await.unwrap();
    let begin = Begin { chunks: chunks(&["start"]), ..new_task(T, "s", "m") };
    let begun = store.begin(&begin).await.unwrap();
    assert!(matches!(&begun, Begun::Claimed(claim, ids) if claim.position == 1 && ids.len() == 1));
    assert_eq!(store.begin(&begin).await.unwrap(), begun);
    assert_eq!(store.withdraw(&begin).await.unwrap(), begun);
    assert_eq!(data(&slice(&store, EventId::ZERO).await), ["start"]);
    assert_eq!(store.messages("s").await.unwrap().len(), 1);
    let never = new_task("s.u", "s", "n");
    assert_eq!(store.withdraw(&never).await.unwrap(), Begun::Withdrawn);
    assert_eq!(store.task("s.u").await.unwrap(), Lookup::Missing);
    assert_eq!(store.message("s", "n").await.unwrap(), None);
}

async fn an_end_that_is_repeated_ends_once(store: Fixture) {
    let claim = begun(&store).await;
    let whole = End { messages: vec![message("a", T)], ..end(Status::Completed, &["finish"]) };
    let first = store.finish(&claim, &whole).await.unwrap();
    assert_eq!(store.finish(&claim, &whole).await.unwrap(), first);
    assert_eq!(data(&slice(&store, EventId::ZERO).await), ["finish"]);
    assert_eq!(store.messages("s").await.unwrap().len(), 2);
}

async fn a_cursor_that_the_log_does_not_have_is_a_gap(store: Fixture) {
    let claim = begun(&store).await;
    let ids = store.append(&claim, &chunks(&["a", "b"])).await.unwrap();
    let gap = async |after| slice(&store, after).await.gap;
    assert!(!gap(EventId::ZERO).await && !gap(ids[0]).await && !gap(ids[1]).await);
    assert!(!gap(EventId { ms: 1, seq: 0 }).await, "nothing was lost before the first");
    assert!(gap(EventId { ms: ids[1].ms + 1, seq: 0 }).await, "the log is shorter than the cursor");
}

/// A store that may lose what it acknowledged cannot know whether such an entry was one that readers were given: what came
/// after it may be lost too, so it is a gap. In the others there never was such an entry, and nothing after it is gone.
async fn a_cursor_between_two_entries_is_a_gap_where_entries_may_be_lost(store: Fixture) {
    let claim = begun(&store).await;
    let mut ids = store.append(&claim, &chunks(&["a"])).await.unwrap();
    let appended_at = clock::now();
    while clock::now() < appended_at + 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    ids.extend(store.append(&at(&claim, 1), &chunks(&["b"])).await.unwrap());
    let between = slice(&store, EventId { ms: ids[0].ms, seq: ids[0].seq + 1 }).await;
    assert_eq!((between.gap, data(&between)), (store.is_shared(), vec!["b"]));
}

async fn a_page_is_bounded_in_bytes_and_holds_one_entry_at_least(store: Fixture) {
    let claim = begun(&store).await;
    store.append(&claim, &chunks(&["aaaa", "bbbb", "cccc"])).await.unwrap();
    let page = async |bytes| match store.read(T, EventId::ZERO, Portion { entries: 100, bytes }).await.unwrap() {
        Lookup::Found(slice) => slice.entries.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!((page(1).await, page(8).await, page(9).await), (1, 2, 3));
}

async fn a_task_that_is_condemned_fails_and_frees_its_session(store: Fixture) {
    let claim = begun(&store).await;
    let mut subscription = store.watch(T).await.unwrap();
    store.condemn(T).await.unwrap();
    assert_eq!(task(&store).await.status, Status::Failed);
    assert_eq!(next(&mut subscription).await.status, Status::Failed);
    assert_eq!(store.append(&claim, &chunks(&["x"])).await, Err(StoreError::Fenced));
    assert_eq!(store.active("s").await.unwrap(), None);
    store.condemn("x").await.unwrap();
}

async fn a_lease_that_is_renewed_does_not_lapse(store: Fixture) {
    let claim = begun(&store).await;
    for position in 0..8 {
        tokio::time::sleep(LEASE / 4).await;
        for id in store.lapsed().await.unwrap() {
            assert_eq!(store.lease(&id).await.unwrap(), Lease::Fine, "the list is a hint");
        }
        assert_eq!(store.reap(T).await.unwrap(), None);
        store.renew(&claim).await.unwrap();
        if position == 4 {
            store.append(&claim, &chunks(&["a"])).await.unwrap();
        }
    }
}

async fn a_lapsed_task_is_reaped_once(store: Fixture) {
    let claim = begun(&store).await;
    eventually(|| async { store.lapsed().await.unwrap().pop() }).await;
    let taken = eventually(|| async { store.reap(T).await.unwrap() }).await;
    assert_eq!(taken.epoch, claim.epoch + 1);
    assert_eq!(store.reap(T).await.unwrap(), None);
    assert_eq!(store.append(&claim, &chunks(&["x"])).await, Err(StoreError::Fenced));
    store.finish(&taken, &end(Status::Failed, &["error"])).await.unwrap();
    tokio::time::sleep(LEASE).await;
    for id in store.lapsed().await.unwrap() {
        assert_eq!(store.reap(&id).await.unwrap(), None);
    }
    assert!(store.lapsed().await.unwrap().is_empty());
}

async fn a_waiting_task_holds_no_lease_and_is_resumed_once(store: Fixture) {
    let claim = begun(&store).await;
    store.suspend(&claim, &operation("o"), &chunks(&["started"])).await.unwrap();
    assert_eq!(store.operation("o").await.unwrap().as_deref(), Some(T));
    let waiting = task(&store).await;
    assert_eq!((waiting.stage, waiting.operation().unwrap().position), (Stage::Waiting, 1));
    tokio::time::sleep(LEASE * 2).await;
    for id in store.lapsed().await.unwrap() {
        assert_eq!(store.reap(&id).await.unwrap(), None);
    }
    assert_eq!(task(&store).await.status, Status::Running);
    assert_eq!(store.resume(T, "other", "holder").await.unwrap(), Resume::Early);
    let Resume::Claimed(resumed, _) = store.resume(T, "o", "holder").await.unwrap() else { panic!() };
    assert_eq!(resumed.position, 1);
    assert_eq!(store.resume(T, "o", "another").await.unwrap(), Resume::Busy);
    assert_eq!(store.append(&at(&claim, 1), &chunks(&["x"])).await, Err(StoreError::Fenced));
    store.finish(&resumed, &end(Status::Completed, &["end"])).await.unwrap();
    assert_eq!(store.resume(T, "o", "holder").await.unwrap(), Resume::Settled);
}

async fn a_resumption_that_lapses_waits_again(store: Fixture) {
    let claim = begun(&store).await;
    store.suspend(&claim, &operation("o"), &chunks(&["started"])).await.unwrap();
    let Resume::Claimed(dead, _) = store.resume(T, "o", "holder").await.unwrap() else { panic!() };
    eventually(|| async {
        assert_eq!(store.reap(T).await.unwrap(), None);
        (task(&store).await.stage == Stage::Waiting).then_some(())
    })
    .await;
    assert_eq!(task(&store).await.status, Status::Running);
    assert_eq!(store.append(&dead, &chunks(&["x"])).await, Err(StoreError::Fenced));
    let Resume::Claimed(again, task) = store.resume(T, "o", "holder").await.unwrap() else { panic!() };
    assert_eq!((again.position, task.operation().unwrap().position), (1, 1));
}

async fn a_resumption_that_has_written_something_is_reaped(store: Fixture) {
    let claim = begun(&store).await;
    store.suspend(&claim, &operation("o"), &chunks(&["started"])).await.unwrap();
    let Resume::Claimed(dead, _) = store.resume(T, "o", "holder").await.unwrap() else { panic!() };
    store.append(&dead, &chunks(&["half"])).await.unwrap();
    assert!(!store.wait_again(&at(&dead, 2)).await.unwrap());
    let taken = eventually(|| async { store.reap(T).await.unwrap() }).await;
    assert_eq!((taken.epoch, taken.position), (dead.epoch + 1, 2));
    assert_eq!(store.resume(T, "o", "another").await.unwrap(), Resume::Busy);
}

async fn a_resumption_that_is_given_back_waits_again(store: Fixture) {
    let claim = begun(&store).await;
    store.suspend(&claim, &operation("o"), &chunks(&["started"])).await.unwrap();
    let Resume::Claimed(held, _) = store.resume(T, "o", "holder").await.unwrap() else { panic!() };
    assert!(matches!(store.resume(T, "o", "holder").await.unwrap(), Resume::Claimed(..)), "a repeat by the holder");
    let Resume::Claimed(held, _) = store.resume(T, "o", "holder").await.unwrap() else { panic!("{held:?}") };
    assert!(store.wait_again(&held).await.unwrap());
    assert_eq!(task(&store).await.stage, Stage::Waiting);
    assert!(matches!(store.resume(T, "o", "another").await.unwrap(), Resume::Claimed(..)));
}

async fn a_trimmed_log_is_a_snapshot_and_the_rest(store: Fixture) {
    let claim = begun(&store).await;
    let ids = store.append(&claim, &chunks(&["a", "b", "c", "d"])).await.unwrap();
    let merged = vec![Entry { id: ids[1], data: "ab".into() }];
    store.trim(&claim, ids[1], &merged).await.unwrap();
    let all = slice(&store, EventId::ZERO).await;
    assert_eq!((data(&all), all.trimmed, all.first, all.last), (vec!["ab", "c", "d"], ids[1], ids[2], ids[3]));
    let rest = slice(&store, ids[1]).await;
    assert_eq!((data(&rest), rest.first), (vec!["c", "d"], ids[2]));
    store.append(&at(&claim, 4), &chunks(&["e"])).await.unwrap();
    store.trim(&claim, ids[2], &[Entry { id: ids[2], data: "abc".into() }]).await.unwrap();
    assert_eq!(data(&slice(&store, EventId::ZERO).await), ["abc", "d", "e"]);
    let Lookup::Found(one) = store.read(T, EventId::ZERO, ONE).await.unwrap() else { panic!() };
    assert_eq!(data(&one), ["abc"]);
}

async fn a_completion_is_delivered_until_it_is_settled(store: Fixture) {
    store.push_completion("{}").await.unwrap();
    let first = delivered(&store).await;
    assert_eq!((first.data.as_str(), first.attempt), ("{}", 1));
    let second = delivered(&store).await;
    assert_eq!((&second.id, second.attempt), (&first.id, 2));
    store.settle(&second).await.unwrap();
    tokio::time::sleep(LEASE * 2).await;
    assert!(store.completions().await.unwrap().is_empty());
}

async fn a_completion_that_is_held_is_not_delivered_again(store: Fixture) {
    store.push_completion("{}").await.unwrap();
    let first = delivered(&store).await;
    for _ in 0..8 {
        tokio::time::sleep(LEASE / 4).await;
        store.hold(&first).await.unwrap();
        assert!(store.completions().await.unwrap().is_empty());
    }
    assert_eq!(delivered(&store).await.attempt, 2);
}

async fn a_completion_that_is_released_does_not_count(store: Fixture) {
    store.push_completion("{}").await.unwrap();
    for _ in 0..2 {
        let delivery = delivered(&store).await;
        assert_eq!(delivery.attempt, 1);
        store.release(&delivery).await.unwrap();
    }
}

async fn a_buried_completion_is_not_delivered_again(store: Fixture) {
    store.push_completion("no JSON").await.unwrap();
    let first = delivered(&store).await;
    store.bury(&first, "does not parse").await.unwrap();
    tokio::time::sleep(LEASE * 2).await;
    assert!(store.completions().await.unwrap().is_empty());
}

async fn unknown_things_are_missing(store: Fixture) {
    store.ping().await.unwrap();
    assert_eq!(store.session("x").await.unwrap(), None);
    assert_eq!(store.task("x").await.unwrap(), Lookup::Missing);
    assert_eq!(store.read("x", EventId::ZERO, ONE).await.unwrap(), Lookup::Missing);
    assert_eq!(store.active("x").await.unwrap(), None);
    assert_eq!(store.seize("x").await.unwrap(), None);
    assert_eq!(store.reap("x").await.unwrap(), None);
    assert_eq!(store.resume("x", "o", "h").await.unwrap(), Resume::Unknown);
    assert_eq!(store.operation("x").await.unwrap(), None);
    assert!(store.messages("x").await.unwrap().is_empty());
}
