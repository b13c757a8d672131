//! Beginnings that take messages away, go on with one, or rely on what was read (PROTOCOL §1, "A turn").

use super::*;

promises!(
    an_answer_is_removed_when_the_one_in_its_place_begins,
    a_session_that_has_changed_begins_nothing,
    a_send_is_known_by_its_names_until_its_answer_is_removed,
    a_send_is_cancelled_by_any_of_its_names,
    a_message_that_goes_on_is_replaced_as_its_task_begins,
    parts_and_metadata_are_stored_as_they_are,
);

/// A session with a question `m` and its answer `a`, both of the ended task `T`.
async fn answered(store: &SharedStore) {
    let claim = begun(store).await;
    let messages = vec![Message { role: Role::Assistant, ..message("a", T) }];
    store.finish(&claim, &End { messages, ..end(Status::Completed, &["end"]) }).await.unwrap();
}

/// A task that answers `m` anew.
fn anew(task: &str, names: &[&str]) -> Begin {
    Begin {
        expected: Expected::LastTask(Some(T.into())),
        names: names.iter().map(|name| (*name).into()).collect(),
        replaced: Replacement { messages: vec!["a".into()], tasks: vec![T.into()] },
        messages: vec![message("m", task)],
        ..new_task(task, "s", "m")
    }
}

async fn ids(store: &SharedStore) -> Vec<(u64, String)> {
    let messages = store.messages("s").await.unwrap();
    messages.into_iter().map(|message| (message.sequence, message.id)).collect()
}

async fn an_answer_is_removed_when_the_one_in_its_place_begins(store: Fixture) {
    answered(&store).await;
    let begin = anew("s.u", &["again"]);
    let Begun::Claimed(claim, _) = store.begin(&begin).await.unwrap() else { panic!("not begun") };
    assert_eq!(store.begin(&begin).await.unwrap(), Begun::Claimed(claim.clone(), Vec::new()), "a repeat");
    assert_eq!(ids(&store).await, [(1, "m".into())]);
    assert_eq!(store.message("s", "m").await.unwrap().unwrap().task_id, "s.u");
    assert_eq!(store.known("s", "a").await.unwrap(), Some(Known::Replaced));
    let messages = vec![message("b", "s.u")];
    store.finish(&claim, &End { messages, ..end(Status::Completed, &["end"]) }).await.unwrap();
    assert_eq!(ids(&store).await, [(1, "m".into()), (2, "b".into())]);
    let late = Begin { messages: vec![message("a", "s.v")], ..new_task("s.v", "s", "a") };
    assert_eq!(store.begin(&late).await.unwrap(), Begun::Replaced);
}

async fn a_session_that_has_changed_begins_nothing(store: Fixture) {
    store.create_session(session("s")).await.unwrap();
    let other = Begin { expected: Expected::LastTask(Some("s.x".into())), ..new_task("s.u", "s", "m") };
    assert_eq!(store.begin(&other).await.unwrap(), Begun::Changed);
    assert_eq!((ids(&store).await, store.session("s").await.unwrap().unwrap().last_task), (Vec::new(), None));
    let first = Begin { expected: Expected::LastTask(None), ..new_task(T, "s", "m") };
    let Begun::Claimed(claim, _) = store.begin(&first).await.unwrap() else { panic!("not begun") };
    assert_eq!(store.session("s").await.unwrap().unwrap().last_task.as_deref(), Some(T));
    assert_eq!(store.begin(&anew("s.u", &[])).await.unwrap(), Begun::Busy(T.into()));
    store.finish(&claim, &end(Status::Completed, &["end"])).await.unwrap();
    let stale = Begin { expected: Expected::LastTask(None), ..anew("s.u", &[]) };
    assert_eq!(store.begin(&stale).await.unwrap(), Begun::Changed);
    assert!(matches!(store.begin(&anew("s.u", &[])).await.unwrap(), Begun::Claimed(..)));
}

async fn a_send_is_known_by_its_names_until_its_answer_is_removed(store: Fixture) {
    answered(&store).await;
    assert_eq!(store.known("s", "m").await.unwrap(), Some(Known::Answered(T.into())));
    assert_eq!(store.known("s", "again").await.unwrap(), None);
    let Begun::Claimed(claim, _) = store.begin(&anew("s.u", &["again", "{call}c"])).await.unwrap() else { panic!() };
    for name in ["again", "{call}c", "m"] {
        assert_eq!(store.known("s", name).await.unwrap(), Some(Known::Answered("s.u".into())), "{name}");
    }
    let messages = vec![message("b", "s.u")];
    store.finish(&claim, &End { messages, ..end(Status::Completed, &["end"]) }).await.unwrap();
    let repeated = Begin { expected: Expected::LastTask(Some("s.u".into())), ..anew("s.v", &["again"]) };
    assert_eq!(store.begin(&repeated).await.unwrap(), Begun::Repeated("s.u".into()));
    let replaced = Replacement { messages: vec!["b".into()], tasks: vec!["s.u".into()] };
    let third = Begin { replaced, names: vec!["third".into()], ..repeated };
    assert!(matches!(store.begin(&third).await.unwrap(), Begun::Claimed(..)));
    assert_eq!(store.known("s", "again").await.unwrap(), Some(Known::Replaced));
    assert_eq!(store.known("s", "third").await.unwrap(), Some(Known::Answered("s.v".into())));
}

async fn a_send_is_cancelled_by_any_of_its_names(store: Fixture) {
    answered(&store).await;
    assert_eq!(store.refuse_message("s", "again").await.unwrap(), Arrival::Refused);
    assert_eq!(store.begin(&anew("s.u", &["again"])).await.unwrap(), Begun::Cancelled);
    assert!(matches!(store.begin(&anew("s.u", &["other"])).await.unwrap(), Begun::Claimed(..)));
    assert_eq!(store.refuse_message("s", "other").await.unwrap(), Arrival::Answered("s.u".into()));
    assert_eq!(store.refuse_message("s", "a").await.unwrap(), Arrival::Replaced, "an answer that was removed");
    let claim = store.seize("s.u").await.unwrap().unwrap();
    store.finish(&claim, &end(Status::Cancelled, &["abort"])).await.unwrap();
    store.remove_session(&session("s")).await.unwrap();
    for name in ["other", "a", "m"] {
        assert_eq!(store.known("s", name).await.unwrap(), None, "{name}");
    }
}

async fn a_message_that_goes_on_is_replaced_as_its_task_begins(store: Fixture) {
    answered(&store).await;
    let settled = Message { content: "with its output".into(), ..message("a", T) };
    let result = Message { role: Role::Tool, ..message("a-tool-0", T) };
    let begin = Begin {
        expected: Expected::LastTask(Some(T.into())),
        names: vec!["{call}c".into()],
        messages: vec![settled, result],
        ..new_task("s.u", "s", "m")
    };
    assert!(matches!(store.begin(&begin).await.unwrap(), Begun::Claimed(..)));
    assert_eq!(ids(&store).await, [(1, "m".into()), (2, "a".into()), (3, "a-tool-0".into())]);
    assert_eq!(store.message("s", "a").await.unwrap().unwrap().content, "with its output");
    assert_eq!(store.known("s", "{call}c").await.unwrap(), Some(Known::Answered("s.u".into())));
}

async fn parts_and_metadata_are_stored_as_they_are(store: Fixture) {
    store.create_session(session("s")).await.unwrap();
    let part = serde_json::json!({ "type": "data-x", "task_id": "other", "z": [1, 2.5, null], "a": "ü\u{0}" });
    let whole = Message { parts: vec![part], metadata: Some(serde_json::json!({ "n": 1 })), ..message("m", T) };
    store.begin(&Begin { messages: vec![whole.clone()], ..new_task(T, "s", "m") }).await.unwrap();
    assert_eq!(store.message("s", "m").await.unwrap(), Some(Message { sequence: 1, ..whole }));
    assert_eq!(store.known("s", "m").await.unwrap(), Some(Known::Answered(T.into())));
}
