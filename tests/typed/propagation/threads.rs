//! Into other tasks and threads the run follows with an adaptor, and not without.

use tokio::runtime::Handle;
use tower::BoxError;
use tower_llm_callbacks::{InCurrentRun, Run};

use super::{ask, children};

#[test]
fn tokio_spawn() {
    children(0, || async { tokio::spawn(ask()).await? });
    children(1, || async { tokio::spawn(ask().in_current_run()).await? });
}

#[test]
fn tokio_join_set() {
    children(3, || async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..3 {
            tasks.spawn(ask().in_current_run());
        }
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        Ok(())
    });
}

/// Calls the model on a thread that is no worker of the runtime.
fn block() -> Result<(), BoxError> {
    futures::executor::block_on(ask())
}

#[test]
fn spawn_blocking() {
    children(0, || async { tokio::task::spawn_blocking(block).await? });
    children(1, || async {
        let block = block.in_current_run();
        tokio::task::spawn_blocking(|| block.call()).await?
    });
}

async fn on_thread(
    work: impl FnOnce() -> Result<(), BoxError> + Send + 'static,
) -> Result<(), BoxError> {
    let (send, done) = tokio::sync::oneshot::channel();
    let runtime = Handle::current();
    let thread = std::thread::spawn(move || {
        let _inside = runtime.enter();
        let _ = send.send(work());
    });
    let outcome = done.await?;
    thread.join().expect("the thread does not panic");
    outcome
}

#[test]
fn std_thread() {
    children(0, || on_thread(block));
    children(1, || async {
        let block = block.in_current_run();
        on_thread(|| block.call()).await
    });
    children(1, || async {
        let run = Run::current().unwrap();
        assert_eq!(run.name(), "chain");
        on_thread(move || run.scope(block)).await
    });
}

#[test]
fn rayon() {
    let on_pool = |carried: bool| {
        move || async move {
            let (send, done) = tokio::sync::oneshot::channel();
            let runtime = Handle::current();
            let work = move || {
                let _inside = runtime.enter();
                let _ = send.send(block());
            };
            if carried {
                let work = work.in_current_run();
                rayon::spawn(|| work.call());
            } else {
                rayon::spawn(work);
            }
            done.await?
        }
    };
    children(0, on_pool(false));
    children(1, on_pool(true));
}

/// A closure called in a run leaves nothing of it on the thread.
#[test]
fn a_run_is_not_left_on_the_thread() {
    children(0, || async {
        let run = Run::current().unwrap();
        on_thread(move || {
            let inside = (|| Run::current().map(|run| run.run_id())).in_run(&run);
            assert_eq!(inside.call(), Some(run.run_id()));
            assert!(Run::current().is_none());
            Ok(())
        })
        .await
    });
}
