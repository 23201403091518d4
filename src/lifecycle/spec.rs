use std::sync::Arc;

use http::Extensions;
use uuid::Uuid;

use super::{
    Accounting, RunConfig,
    attached::{Attached, Parts},
    config::Config,
    new_run::NewRun,
    one_shot::OneShotSettings,
};
use crate::{
    callbacks::Callbacks,
    event::{ContentCapture, Retry},
    run::{Attempts, Inherited, Run, RunInfo, RunType, Scope, TraceParent},
};

/// The settings of a layer for the runs it makes.
#[derive(Clone, Debug)]
pub(crate) struct RunSpec {
    pub(crate) run_type: RunType,
    /// `None` for the name of the run type.
    pub(crate) name: Option<Arc<str>>,
    /// For the layer's own runs.
    pub(crate) local: Attached,
    /// For their children too.
    pub(crate) inheritable: Attached,
    /// How much of their content handlers receive.
    pub(crate) content: ContentCapture,
    /// Whether handlers receive outputs that are no text.
    pub(crate) capture_outputs: bool,
    /// How the usage of model calls is known.
    pub(crate) accounting: Arc<Accounting>,
}

impl RunSpec {
    pub(crate) fn new(run_type: RunType, callbacks: Callbacks) -> Self {
        Self {
            run_type,
            name: None,
            local: Attached { callbacks, ..Attached::default() },
            inheritable: Attached::default(),
            content: ContentCapture::Full,
            capture_outputs: false,
            accounting: Arc::default(),
        }
    }

    /// Opens a run. `None` if no handler is notified and nothing is handed on to children.
    ///
    /// The run's surroundings are those of the current scope or, in the root scope, those that the request carries. A
    /// configuration that the request carries counts in any case.
    pub(crate) fn open(&self, carried: Option<&Extensions>) -> Option<NewRun> {
        let mut new_run = self.open_untyped(carried, || None)?;
        new_run.set_type(self.run_type);
        Some(new_run)
    }

    /// As [`open`](Self::open), for a run whose [type](NewRun::set_type) is known only when its request has arrived, and a call
    /// that may have a `traceparent` header.
    pub(crate) fn open_untyped(
        &self,
        carried: Option<&Extensions>,
        traceparent: impl FnOnce() -> Option<TraceParent>,
    ) -> Option<NewRun> {
        let scope = Scope::current().or_carried(carried.and_then(Extensions::get));
        let own = carried.and_then(Extensions::get::<RunConfig>).map(RunConfig::config);
        let sets_nothing = self.local.callbacks.is_empty() && self.inheritable.is_empty();
        if scope.is_root() && own.is_none() && sets_nothing {
            return None;
        }
        let around = scope.configs().iter().filter_map(|config| config.downcast_ref());
        let configs: Vec<&Config> = around.chain(own.as_ref()).collect();

        let inheritable = self.inheritable_parts(scope.parent(), &configs);
        let mut parts = inheritable.clone();
        parts.add(&self.local);
        if let Some(frame) = scope.frame() {
            // A handler is not notified of calls that its own code makes: they might never end.
            parts.members.retain(|member| !frame.runs(&member.slot.identity));
        }
        let configures = configs.iter().any(|config| !config.attached.is_empty());
        if parts.members.is_empty() && !configures && self.inheritable.is_empty() {
            return None;
        }
        let (attempt, retry) = self.attempt(scope.attempts());
        let Parts { members, tags, metadata, .. } = parts;
        let mut info = RunInfo {
            run_id: Uuid::nil(),
            parents: scope.parent().map(Run::path),
            run_type: self.run_type,
            name: self.name.clone().unwrap_or_else(|| self.run_type.as_str().into()),
            tags: tags.into(),
            metadata: Arc::new(metadata),
            attempt,
            traceparent: None,
            trace_id: None,
        };
        info.set_trace(traceparent(), scope.parent().and_then(Run::trace_id));
        let named = set_one_shot(&mut info, &configs, scope.attempts());
        tracing::trace!(target: "tower_llm_callbacks", run_id = %info.run_id, name = %info.name, "opened");
        let inherited = (!inheritable.is_empty()).then(|| Arc::new(inheritable) as Inherited);
        let (frame, consumer) = (scope.frame().cloned(), scope.consumer().cloned());
        let run = Run::new(info, scope.parent(), inherited, frame, consumer);
        #[cfg(feature = "otel")]
        if let Some(outer) = scope.parent().and_then(Run::otel_context) {
            run.set_outer_otel_context(outer.clone());
        }
        Some(NewRun {
            run,
            members,
            content: self.content,
            capture_outputs: self.capture_outputs,
            accounting: Arc::clone(&self.accounting),
            attempts: scope.attempts().cloned(),
            retry,
            named,
            has_name: named || self.name.is_some(),
            tool_call_id: None,
        })
    }

    /// What the run hands on to its children.
    ///
    /// Handlers come in LangChain's order: inherited ones, those of request time, then those of the layer.
    fn inheritable_parts(&self, parent: Option<&Run>, configs: &[&Config]) -> Parts {
        let inherited = parent.and_then(Run::inherited);
        let inherited = inherited.and_then(|inherited| inherited.downcast_ref::<Parts>());
        let mut parts = inherited.cloned().unwrap_or_default();
        configs.iter().for_each(|config| parts.add(&config.attached));
        parts.add(&self.inheritable);
        parts
    }

    /// Counts the run as an attempt of its call.
    fn attempt(&self, attempts: Option<&Arc<Attempts>>) -> (u32, Option<Retry>) {
        let Some(attempts) = attempts else { return (1, None) };
        let (attempt, failed) = attempts.begin();
        let retry = failed.map(|failed| Retry {
            attempt,
            error: self.content.error(failed.error, failed.without_content),
            failed_run_id: failed.run_id,
        });
        (attempt, retry)
    }
}

/// Sets what one call only takes from the configurations, the innermost first. Returns whether one has a name.
fn set_one_shot(info: &mut RunInfo, configs: &[&Config], attempts: Option<&Arc<Attempts>>) -> bool {
    let innermost_first = || configs.iter().rev().map(|config| &*config.one_shot);
    info.run_id = innermost_first().find_map(OneShotSettings::take_id).unwrap_or_else(Uuid::now_v7);
    let name = innermost_first().find_map(|one_shot| one_shot.take_name(attempts));
    configs.iter().for_each(|config| config.one_shot.opened(info.run_id, attempts));
    let named = name.is_some();
    if let Some(name) = name {
        info.name = name;
    }
    named
}
