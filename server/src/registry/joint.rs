//! Work that many may ask for at the same time and that is done once: whoever asks while it is under way waits for it, too.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::Shared;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// What is under way, by its key. An entry goes when its work ends, however it ends.
type UnderWay<K, T> = Arc<Mutex<HashMap<K, Shared<oneshot::Receiver<T>>>>>;

/// See the module.
pub struct Joint<K, T: Clone> {
    under_way: UnderWay<K, T>,
}

impl<K, T: Clone> Default for Joint<K, T> {
    fn default() -> Self {
        Self { under_way: UnderWay::default() }
    }
}

impl<K, T> Joint<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Waits for the work of this key, and begins it where none is under way. The work goes on when nobody waits for it
    /// any more. `None`: it panicked.
    pub fn join<W, F>(&self, key: K, work: W) -> impl Future<Output = Option<T>> + Send + use<K, T, W, F>
    where
        W: FnOnce() -> F,
        F: Future<Output = T> + Send + 'static,
    {
        let mut under_way = self.under_way.lock();
        let outcome = match under_way.get(&key) {
            Some(outcome) => outcome.clone(),
            None => {
                let outcome = begin(Entry { under_way: self.under_way.clone(), key: key.clone() }, work());
                under_way.insert(key, outcome.clone());
                outcome
            }
        };
        outcome.map(Result::ok)
    }
}

fn begin<K, T, F>(entry: Entry<K, T>, work: F) -> Shared<oneshot::Receiver<T>>
where
    K: Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (done, outcome) = oneshot::channel();
    tokio::spawn(async move {
        let outcome = work.await;
        drop(entry);
        // Those who asked may have gone.
        let _ = done.send(outcome);
    });
    outcome.shared()
}

/// Removes its key when it is dropped.
struct Entry<K: Eq + Hash, T: Clone> {
    under_way: UnderWay<K, T>,
    key: K,
}

impl<K: Eq + Hash, T: Clone> Drop for Entry<K, T> {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Duration;

    use super::*;

    /// Work that takes a while, counts how often it is done, and returns its number.
    async fn slow(done: Arc<AtomicUsize>) -> usize {
        tokio::time::sleep(Duration::from_millis(50)).await;
        done.fetch_add(1, Relaxed) + 1
    }

    #[tokio::test]
    async fn those_who_ask_at_the_same_time_get_the_outcome_of_the_same_work() {
        let (joint, done) = (Joint::default(), Arc::new(AtomicUsize::new(0)));
        let asked: Vec<_> = (0..5).map(|_| joint.join("a", || slow(done.clone()))).collect();
        let other = joint.join("b", || slow(done.clone()));
        let outcomes = futures_util::future::join_all(asked).await;
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
        assert!(other.await.is_some_and(|number| Some(number) != outcomes[0]));
        assert_eq!(joint.join("a", || slow(done.clone())).await, Some(3), "what comes later is done anew");
        assert!(joint.under_way.lock().is_empty());
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_done_and_forgotten() {
        let (joint, done) = (Joint::default(), Arc::new(AtomicUsize::new(0)));
        drop(joint.join("a", || slow(done.clone())));
        assert_eq!(joint.join("a", || slow(done.clone())).await, Some(1));
        assert!(joint.under_way.lock().is_empty());
    }

    #[tokio::test]
    async fn work_that_panics_ends_for_all_and_is_forgotten() {
        let joint = Joint::<&str, ()>::default();
        assert_eq!(joint.join("a", || async { panic!("a test") }).await, None);
        assert_eq!(joint.join("a", || async {}).await, Some(()));
        assert!(joint.under_way.lock().is_empty());
    }
}
