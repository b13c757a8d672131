//! Which tasks the stops in a saved record apply to. The record is data (`persist`); that two tasks are the same one is decided
//! here.

use crate::client::io::Millis;
use crate::persist::{MOST_STOPS, SavedTask, Stop};

impl SavedTask {
    /// Returns whether this is the record of a task.
    #[must_use]
    pub fn is_of(&self, task: &str) -> bool {
        self.task() == Some(task)
    }

    /// Returns whether the app stopped this task. A stop of a task that was never found applies to any running task. After the
    /// next message, it applies to any task but the one of that message.
    #[must_use]
    pub fn forbids(&self, task: &str) -> bool {
        let active = self.task();
        let is_last = self.stopped.is_some() && active.is_none_or(|active| active == task);
        let is_another = active.is_some_and(|active| active != task);
        let applies = |stop: &Stop| stop.task.as_deref().map_or(is_another, |stopped| stopped == task);
        is_last || self.stops.iter().any(applies)
    }

    /// Returns the record with a stop of a task that was never found extended to this task, or `None` if there is no such stop
    /// or the task is stopped already.
    #[must_use]
    pub fn with_unknown_stop_named(&self, task: &str) -> Option<Self> {
        let is_named = self.stops.iter().any(|stop| stop.task.as_deref() == Some(task));
        let unknown = self.stops.iter().rfind(|stop| stop.task.is_none()).filter(|_| !is_named)?;
        let mut named = self.clone();
        named.stops.push(Stop { task: Some(task.to_owned()), at: unknown.at });
        named.drop_surplus_stops();
        Some(named)
    }

    /// Takes over the stops of an earlier record, unless they have expired.
    pub fn inherit_stops(&mut self, before: &Self, now: Millis, ttl: Millis) {
        let mut stops = before.stops.clone();
        let is_found = self.stopped == before.stopped && before.active.is_none();
        if let Some(at) = before.stopped.filter(|_| !is_found) {
            stops.push(Stop { task: before.task().map(str::to_owned), at });
        }
        let is_own = |stop: &Stop| stop.task.is_some() && stop.task.as_deref() == self.task();
        stops.retain(|stop| !is_own(stop) && now.saturating_sub(stop.at) <= ttl);
        self.stops = stops;
        self.drop_surplus_stops();
    }

    /// Removes the acknowledged stop of an earlier task from the record. Returns whether it was there.
    pub fn remove_earlier_stop(&mut self, task: Option<&str>) -> bool {
        let count = self.stops.len();
        self.stops.retain(|stop| stop.task.is_none() || stop.task.as_deref() != task);
        self.stops.len() < count
    }

    /// Returns whether the record is the stop of this task, or of a task that was never found if `task` is `None`.
    #[must_use]
    pub fn is_stop_of(&self, task: Option<&str>) -> bool {
        self.stopped.is_some() && self.task() == task
    }

    fn drop_surplus_stops(&mut self) {
        let surplus = self.stops.len().saturating_sub(MOST_STOPS);
        self.stops.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::ActiveTask;

    #[test]
    fn a_stop_whose_task_is_found_later_is_remembered_for_that_task_too() {
        let stop = |stops: &[(Option<&str>, Millis)]| {
            let stops = stops.iter().map(|(task, at)| Stop { task: task.map(str::to_owned), at: *at }).collect();
            SavedTask { stops, ..SavedTask::default() }
        };
        let named = stop(&[(None, 7)]).with_unknown_stop_named("t1");
        assert_eq!(named, Some(stop(&[(None, 7), (Some("t1"), 7)])));
        assert!(named.unwrap().with_unknown_stop_named("t1").is_none());
        assert_eq!(stop(&[(Some("t0"), 7)]).with_unknown_stop_named("t1"), None);
    }

    #[test]
    fn stops_of_earlier_tasks_are_remembered_for_as_long_as_records_are_and_only_so_many() {
        let task = |id: &str, stopped| {
            let active = ActiveTask { task: id.into(), ..ActiveTask::default() };
            SavedTask { stopped, ..SavedTask::of(active, 0) }
        };
        let mut record = task("t0", Some(100));
        for nth in 1..40 {
            let mut next = task(&format!("t{nth}"), Some(100 + nth));
            next.inherit_stops(&record, 100 + nth, 1_000);
            record = next;
        }
        assert_eq!(record.stops.len(), MOST_STOPS);
        assert!(record.forbids("t39") && record.forbids("t38") && record.forbids("t23") && !record.forbids("t22"));
        let mut late = task("t50", None);
        late.inherit_stops(&record, 1_130, 1_000);
        assert!(late.forbids("t30") && !late.forbids("t29") && !late.forbids("t50"));
        let mut again = task("t38", None);
        again.inherit_stops(&record, 140, 1_000);
        assert!(!again.forbids("t38"), "the app has set it again");
        assert_eq!(late.without_task().map(|rest| (rest.forbids("t30"), rest.is_resumable())), Some((true, false)));
        assert_eq!(task("t1", Some(1)).without_task(), None);
    }
}
