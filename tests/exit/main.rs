//! A process exits when `main` returns, though a handler hangs for good. No harness: each case is a process of its own,
//! whose `main` is what is tested.

use std::{
    env,
    future::pending,
    io::{BufRead, BufReader},
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use support::{FLAVORS, Flavor, MODES, Mode, call};
use tower::Layer;
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Event, Run,
    testing::{Script, ScriptedModel},
};

/// How long the process may take after `main` has returned: 100 ms, and a margin for a busy machine.
const LIMIT: Duration = Duration::from_millis(100 + 900);

const CASE: &str = "LLM_CALLBACKS_EXIT_CASE";

struct Hangs;

impl CallbackHandler for Hangs {
    fn on_event(&self, _run: &Run, _event: &Event) {
        loop {
            thread::park();
        }
    }
}

impl AsyncCallbackHandler for Hangs {
    async fn on_event(&self, _run: &Run, _event: &Event) {
        pending::<()>().await;
    }
}

/// Makes a call whose handler hangs, and returns while it does: the runtime is dropped, and `main` returns.
fn hang(mode: Mode, flavor: Flavor) {
    let callbacks = Callbacks::new().add(mode.handler(Hangs));
    let runtime = flavor.runtime();
    runtime.block_on(async {
        let model = ScriptedModel::new(Script::answer(["a"]));
        let mut model = CallbackLayer::new(callbacks).layer(model);
        let _ = tokio::time::timeout(Duration::from_millis(50), call(&mut model)).await;
    });
    println!("main returns");
}

fn main() -> ExitCode {
    let cases = || MODES.into_iter().filter(|mode| *mode != Mode::Inline).enumerate();
    if let Ok(case) = env::var(CASE) {
        let (mode, flavor) = case.split_once(' ').expect("a mode and a flavor");
        let mode = MODES[mode.parse::<usize>().unwrap() + 1];
        hang(mode, FLAVORS[flavor.parse::<usize>().unwrap()]);
        return ExitCode::SUCCESS;
    }
    for (number, mode) in cases() {
        for (flavor_number, flavor) in FLAVORS.into_iter().enumerate() {
            let mut process = Command::new(env::current_exe().unwrap())
                .env(CASE, format!("{number} {flavor_number}"))
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "main returns\n");
            let began = Instant::now();
            while process.try_wait().unwrap().is_none() {
                if began.elapsed() > LIMIT {
                    process.kill().unwrap();
                    panic!("{mode:?}, {flavor:?}: the process does not exit");
                }
                thread::sleep(Duration::from_millis(1));
            }
            println!("{mode:?}, {flavor:?}: exits in {:?}", began.elapsed());
        }
    }
    ExitCode::SUCCESS
}
