use std::sync::{Arc, Mutex};

use tower::Layer;
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, ErrorKind, EventKind, Fault, LlmResult, Registration,
    layer::{CallbackService, CallbackStream},
    testing::{Recorded, Recorder, Script, ScriptedModel, ScriptedStream, assert_promises},
};

use crate::{Mode, PATIENCE};

pub type Model = CallbackService<ScriptedModel>;
pub type Answer = CallbackStream<ScriptedStream>;

/// Collects faults.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    pub fn hook(&self) -> impl Fn(&Fault) + Send + Sync + 'static {
        let faults = Arc::clone(&self.0);
        move |fault| faults.lock().unwrap().push(fault.clone())
    }

    pub fn all(&self) -> Vec<Fault> {
        self.0.lock().unwrap().clone()
    }

    /// Returns the only fault. Panics if there is not exactly one.
    #[track_caller]
    pub fn one(&self) -> Fault {
        let faults = self.all();
        assert_eq!(faults.len(), 1, "{faults:#?}");
        faults[0].clone()
    }

    #[track_caller]
    pub fn none(&self) {
        assert!(self.all().is_empty(), "{:#?}", self.all());
    }
}

/// One recorder per delivery mode.
#[derive(Clone)]
pub struct Recorders {
    pub callbacks: Callbacks,
    pub each: Vec<(Mode, Recorder)>,
    pub faults: Faults,
}

impl Recorders {
    pub fn new(modes: &[Mode]) -> Self {
        let faults = Faults::default();
        let recorders: Vec<_> = modes.iter().map(|mode| (*mode, Recorder::new())).collect();
        let callbacks = Callbacks::new().on_fault(faults.hook());
        let callbacks = recorders
            .iter()
            .fold(callbacks, |all, (mode, recorder)| all.add(mode.handler(recorder.clone())));
        Self { callbacks, each: recorders, faults }
    }

    /// Adds a handler, which is notified last.
    pub fn with(mut self, handler: Registration) -> Self {
        self.callbacks = self.callbacks.add(handler);
        self
    }

    /// A layer whose results have only the usage that the model reports.
    pub fn layer(&self) -> CallbackLayer {
        CallbackLayer::new(self.callbacks.clone()).without_estimates()
    }

    pub fn model(&self, script: Script) -> (ScriptedModel, Model) {
        let model = ScriptedModel::new(script);
        (model.clone(), self.layer().layer(model))
    }

    /// Returns the terminal event of the only run, after every recorder has received it. All recorders must
    /// agree.
    pub async fn ended(&self, kind: Option<ErrorKind>) -> Recorded {
        let flushed = self.callbacks.flush(PATIENCE).await;
        assert!(flushed.is_complete(), "{flushed:?}");
        self.faults.none();
        self.each
            .iter()
            .map(|(mode, recorder)| only_terminal(*mode, recorder, kind))
            .reduce(|first, other| {
                assert_eq!(first.result(), other.result());
                assert_eq!(first.error(), other.error());
                first
            })
            .expect("at least one recorder")
    }

    /// Asserts that no run was started.
    pub fn nothing(&self) {
        for (mode, recorder) in &self.each {
            assert!(recorder.events().is_empty(), "{mode:?}: {:?}", recorder.kinds());
        }
    }
}

/// Returns the terminal event of the only run, after a check of the promises and of the durations.
#[track_caller]
pub fn only_terminal(mode: Mode, recorder: &Recorder, kind: Option<ErrorKind>) -> Recorded {
    let events = recorder.events();
    assert_promises(&events);
    assert_eq!(recorder.run_ids().len(), 1, "{mode:?}");
    assert_eq!(events[0].kind(), EventKind::LlmStart, "{mode:?}");
    let terminals = recorder.terminals();
    assert_eq!(terminals.len(), 1, "{mode:?}: {:?}", recorder.kinds());
    let terminal = terminals[0].clone();
    assert_eq!(terminal.error().map(|error| error.kind()), kind, "{mode:?}: {terminal:?}");
    let result = terminal.result().expect("a result");
    let first = result.time_to_first_token;
    assert_eq!(first.is_some(), result.tokens > 0, "{mode:?}");
    assert!(first.unwrap_or_default() <= result.duration, "{mode:?}");
    terminal
}

/// Compares two results, except for their durations.
#[track_caller]
pub fn assert_same_answer(result: &LlmResult, expected: &LlmResult) {
    assert_eq!(result.choices, expected.choices);
    // How it is known depends on how the run ended.
    let counts = |result: &LlmResult| {
        result.usage.clone().map(|mut usage| {
            usage.source = Default::default();
            usage
        })
    };
    assert_eq!(counts(result), counts(expected));
    assert_eq!(result.model, expected.model);
    assert_eq!(result.response_id, expected.response_id);
    assert_eq!(result.tokens, expected.tokens);
    assert_eq!(result.streamed, expected.streamed);
    assert_eq!(result.dropped_tokens, 0);
}
