use std::future::Future;

use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

use crate::{MODES, Mode, PATIENCE, Recorders};

#[derive(Debug, Clone, Copy)]
pub enum Flavor {
    Current,
    Multi,
}

pub const FLAVORS: [Flavor; 2] = [Flavor::Current, Flavor::Multi];

impl Flavor {
    pub fn builder(self) -> Builder {
        match self {
            Flavor::Current => Builder::new_current_thread(),
            Flavor::Multi => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(2);
                builder
            }
        }
    }

    pub fn runtime(self) -> Runtime {
        self.builder().enable_all().build().unwrap()
    }
}

/// Runs a test in a task on each kind of runtime. A test that hangs fails.
pub fn on_each_runtime<F, Fut>(test: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    for flavor in FLAVORS {
        println!("on {flavor:?}");
        let runtime = flavor.runtime();
        let outcome = runtime.block_on(async { timeout(PATIENCE, tokio::spawn(test())).await });
        runtime.shutdown_background();
        outcome.expect("the test hangs").expect("the test fails");
    }
}

/// Runs a test with each mode alone and with all modes at once, on each kind of runtime.
pub fn everywhere<F, Fut>(test: F)
where
    F: Fn(Recorders) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    for modes in MODES.chunks(1).chain([&MODES[..]]) {
        println!("modes {modes:?}");
        on_each_runtime(|| test(Recorders::new(modes)));
    }
}

/// Runs a test for each mode, on each kind of runtime.
pub fn in_each_mode<F, Fut>(test: F)
where
    F: Fn(Mode) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    for mode in MODES {
        println!("in mode {mode:?}");
        on_each_runtime(|| test(mode));
    }
}
