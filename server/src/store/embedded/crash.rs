//! The process is killed at every sync of the file, and the machine loses power there: whatever was acknowledged is
//! there when the file is opened again, and each step has happened as a whole or not at all.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::{Builder, StorageBackend};
use rejoin::stream::cursor::EventId;

use super::Embedded;
use crate::store::suite;
use crate::store::*;

/// A disk that stops at one of its syncs.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What the operating system has.
    written: Vec<u8>,
    /// What is left when the power goes.
    synced: Vec<u8>,
    /// Syncs until it stops; `None` while it never does.
    left: Option<usize>,
    has_stopped: bool,
}

/// What is left of the disk.
#[derive(Clone, Copy, Debug)]
enum Crash {
    /// The process died, and the operating system writes what it has.
    Killed,
    /// Only what was synced is there.
    PowerLost,
}

impl State {
    fn check(&self) -> io::Result<()> {
        if self.has_stopped { Err(io::Error::other("the process is dead")) } else { Ok(()) }
    }
}

impl Disk {
    fn with(content: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { written: content.clone(), synced: content, ..State::default() })))
    }

    fn after(&self, crash: Crash) -> Self {
        let state = self.0.lock();
        Self::with(match crash {
            Crash::Killed => state.written.clone(),
            Crash::PowerLost => state.synced.clone(),
        })
    }

    fn open(&self) -> Result<SharedStore> {
        let (ttl, lease) = (Duration::from_secs(60), Duration::from_secs(10));
        let terms = Terms { ttl, session_ttl: None, lease, prefix: String::new() };
        Embedded::start(Builder::new().create_with_backend(self.clone())?, "embedded", terms)
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().written.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (state, from) = (self.0.lock(), offset as usize);
        out.copy_from_slice(&state.written[from..from + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.lock();
        state.check()?;
        state.written.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.check()?;
        if state.left == Some(0) {
            state.has_stopped = true;
            return state.check();
        }
        state.left = state.left.map(|left| left - 1);
        state.synced = state.written.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (mut state, from) = (self.0.lock(), offset as usize);
        state.check()?;
        state.written[from..from + data.len()].copy_from_slice(data);
        Ok(())
    }
}

fn message(id: &str, role: Role) -> Message {
    Message { role, content: id.into(), ..suite::message(id, "s.t") }
}

fn begin() -> Begin {
    let task = Task {
        id: "s.t".into(),
        session_id: "s".into(),
        status: Status::Running,
        stage: Stage::Working,
        answers: "question".into(),
        writes: "answer".into(),
        created_at: 9,
        operations: Vec::new(),
        body: serde_json::Map::new(),
    };
    Begin {
        task,
        expected: Expected::LastTask(None),
        names: vec!["question".into()],
        replaced: Replacement::default(),
        messages: vec![message("question", Role::User)],
        title: "title".into(),
        owner: None,
        chunks: vec!["start".into()],
    }
}

/// A task from its beginning to its end over an operation; counts the steps that were acknowledged.
async fn live(store: &SharedStore, done: &mut usize) -> Result<()> {
    let session = Session { id: "s".into(), created_at: 5, updated_at: 5, title: None, user_id: None, last_task: None };
    store.create_session(session).await?;
    *done = 1;
    let Begun::Claimed(claim, _) = store.begin(&begin()).await? else { panic!("it begins") };
    *done = 2;
    store.append(&claim, &["one".into()]).await?;
    *done = 3;
    let claim = Claim { position: 2, ..claim };
    let operation = Operation { id: "o".into(), tool_name: "t".into(), tool_call_id: "c".into(), position: 0 };
    store.suspend(&claim, &operation, &["two".into()]).await?;
    *done = 4;
    store.push_completion("{}").await?;
    *done = 5;
    let Resume::Claimed(claim, _) = store.resume("s.t", "o", "h").await? else { panic!("it waits") };
    *done = 6;
    let messages = vec![message("answer", Role::Assistant)];
    let end = End { status: Status::Completed, chunks: vec!["three".into()], messages };
    store.finish(&claim, &end).await?;
    *done = 7;
    Ok(())
}

/// How many of the steps are there.
async fn steps(store: &SharedStore) -> usize {
    if store.session("s").await.unwrap().is_none() {
        return 0;
    }
    let Lookup::Found(task) = store.task("s.t").await.unwrap() else {
        assert!(store.messages("s").await.unwrap().is_empty(), "a message without its task");
        return 1;
    };
    let all = Portion { entries: 100, bytes: 1000 };
    let Lookup::Found(slice) = store.read("s.t", EventId::ZERO, all).await.unwrap() else { panic!("no log") };
    let chunks: Vec<&str> = slice.entries.iter().map(|entry| &*entry.data).collect();
    let messages: Vec<String> = store.messages("s").await.unwrap().into_iter().map(|message| message.id).collect();
    if task.status == Status::Completed {
        assert_eq!(
            (chunks, messages),
            (vec!["start", "one", "two", "three"], vec!["question".into(), "answer".into()])
        );
        assert_eq!(store.active("s").await.unwrap(), None);
        return 7;
    }
    assert_eq!(messages, ["question"]);
    assert_eq!(store.active("s").await.unwrap().unwrap().id, "s.t");
    match (task.stage, &chunks[..]) {
        (Stage::Working, ["start"]) => 2,
        (Stage::Working, ["start", "one"]) => 3,
        (Stage::Waiting, ["start", "one", "two"]) => 4 + store.completions().await.unwrap().len(),
        (Stage::Resuming, ["start", "one", "two"]) => 6,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn whatever_was_acknowledged_is_there_after_a_crash_at_any_sync() {
    for crash in [Crash::Killed, Crash::PowerLost] {
        let mut crashes = 0;
        for left in 0.. {
            let disk = Disk::default();
            disk.open().unwrap();
            let disk = disk.after(Crash::PowerLost);
            disk.0.lock().left = Some(left);
            let mut done = 0;
            let outcome = match disk.open() {
                Ok(store) => live(&store, &mut done).await,
                Err(error) => Err(error),
            };
            let found = steps(&disk.after(crash).open().unwrap()).await;
            assert!((done..=done + 1).contains(&found), "{done} acknowledged, {found} there: {crash:?} at sync {left}");
            crashes += usize::from(outcome.is_err());
            if outcome.is_ok() {
                break;
            }
        }
        assert!(crashes > 7, "{crashes} syncs");
    }
}
