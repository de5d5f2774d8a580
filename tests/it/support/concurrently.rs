//! Many calls at a time, within a bound.

use std::{future::Future, sync::Arc};

use tokio::{sync::Semaphore, task::JoinSet};

/// How many calls are under way at a time.
const AT_A_TIME: usize = 32;

/// Runs the futures, some of them at a time and in no particular order, and returns what they give
/// in the order of the futures.
pub(crate) async fn concurrently<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let gate = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    for (place, future) in futures.into_iter().enumerate() {
        let gate = Arc::clone(&gate);
        tasks.spawn(async move {
            let _permit = gate
                .acquire_owned()
                .await
                .expect("the gate is never closed");
            (place, future.await)
        });
    }
    let mut done = tasks.join_all().await;
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, output)| output).collect()
}
