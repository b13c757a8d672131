//! Messages that are cancelled before they come, and sessions that go.

use super::*;
use crate::clock;

promises!(
    a_message_that_is_cancelled_before_it_comes_begins_nothing,
    a_message_that_has_come_is_cancelled_by_its_task,
    the_oldest_messages_that_a_session_refuses_are_forgotten,
    a_session_is_removed_with_all_that_was_said_in_it,
    a_session_whose_task_runs_or_waits_is_not_removed,
    a_session_in_which_nothing_was_said_for_long_is_removed,
);

async fn a_message_that_is_cancelled_before_it_comes_begins_nothing(store: Fixture) {
    assert_eq!(store.refuse_message("s", "m").await.unwrap(), Arrival::NoSession);
    store.create_session(session("s")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.refuse_message("s", "m").await.unwrap(), Arrival::Refused);
    }
    assert_eq!(store.begin(&new_task(T, "s", "m")).await.unwrap(), Begun::Cancelled);
    assert_eq!(store.task(T).await.unwrap(), Lookup::Missing);
    assert!(store.messages("s").await.unwrap().is_empty());
    assert!(matches!(store.begin(&new_task(T, "s", "n")).await.unwrap(), Begun::Claimed(..)));
}

async fn a_message_that_has_come_is_cancelled_by_its_task(store: Fixture) {
    begun(&store).await;
    assert_eq!(store.refuse_message("s", "m").await.unwrap(), Arrival::Answered(T.into()));
    assert_eq!(store.begin(&new_task("s.u", "s", "m")).await.unwrap(), Begun::Repeated(T.into()));
}

async fn the_oldest_messages_that_a_session_refuses_are_forgotten(store: Fixture) {
    store.create_session(session("s")).await.unwrap();
    store.refuse_message("s", "first").await.unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    let others: Vec<String> = (0..MOST_REFUSED).map(|number| format!("m{number}")).collect();
    futures_util::future::try_join_all(others.iter().map(|id| store.refuse_message("s", id))).await.unwrap();
    assert_eq!(store.begin(&new_task(T, "s", "m0")).await.unwrap(), Begun::Cancelled);
    assert!(matches!(store.begin(&new_task(T, "s", "first")).await.unwrap(), Begun::Claimed(..)));
}

async fn a_session_is_removed_with_all_that_was_said_in_it(store: Fixture) {
    let owned = Session { user_id: Some("ada".into()), ..session("s") };
    store.create_session(owned.clone()).await.unwrap();
    store.create_session(session("other")).await.unwrap();
    let Begun::Claimed(claim, _) = store.begin(&new_task(T, "s", "m")).await.unwrap() else { panic!() };
    store.suspend(&claim, &operation("o"), &chunks(&["a"])).await.unwrap();
    let claim = store.seize(T).await.unwrap().unwrap();
    store.finish(&claim, &end(Status::Cancelled, &["abort"])).await.unwrap();
    store.refuse_message("s", "n").await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.remove_session(&owned).await.unwrap(), Removal::Done);
    }
    assert_eq!(store.session("s").await.unwrap(), None);
    assert!(store.messages("s").await.unwrap().is_empty());
    assert!(slice(&store, EventId::ZERO).await.entries.is_empty());
    assert_eq!(store.active("s").await.unwrap(), None);
    assert_eq!(store.resume(T, "o", "holder").await.unwrap(), Resume::Settled, "a late completion");
    assert_eq!(store.begin(&new_task("s.u", "s", "n")).await.unwrap(), Begun::NoSession);
    let page = Page { limit: 9, offset: 0 };
    let (all, total) = store.sessions(Scope::All, page).await.unwrap();
    assert_eq!((all.len(), total, all[0].id.as_str()), (1, 1, "other"));
    assert_eq!(store.sessions(Scope::User("ada".into()), page).await.unwrap(), (vec![], 0));
}

async fn a_session_whose_task_runs_or_waits_is_not_removed(store: Fixture) {
    let claim = begun(&store).await;
    assert_eq!(store.remove_session(&session("s")).await.unwrap(), Removal::Busy(T.into()));
    store.suspend(&claim, &operation("o"), &chunks(&["a"])).await.unwrap();
    assert_eq!(store.remove_session(&session("s")).await.unwrap(), Removal::Busy(T.into()));
    assert_eq!(data(&slice(&store, EventId::ZERO).await), ["a"]);
    assert_eq!(store.messages("s").await.unwrap().len(), 1);
}

async fn a_session_in_which_nothing_was_said_for_long_is_removed(store: Fixture) {
    let now = clock::now();
    begun(&store).await;
    store.create_session(session("silent")).await.unwrap();
    store.create_session(Session { updated_at: now, ..session("new") }).await.unwrap();
    store.sweep().await.unwrap();
    let (all, total) = store.sessions(Scope::All, Page { limit: 9, offset: 0 }).await.unwrap();
    let mut left: Vec<&str> = all.iter().map(|session| session.id.as_str()).collect();
    left.sort_unstable();
    assert_eq!((left, total), (vec!["new", "s"], 2));
    assert_eq!(store.session("silent").await.unwrap(), None);
}
