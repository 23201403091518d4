use std::sync::Arc;

use tower::Service;

use crate::{
    callbacks::Callbacks,
    chat::identity::{self, Identity},
    extract::{ExtractRequest, FnExtractor, TraitExtractor},
    lifecycle::{CallFuture, Llm, RunConfig, RunSpec, start_llm},
    run::{RunType, Scope},
};

/// What both typed layers and their services have: the settings of their runs, and who reads requests and answers.
#[derive(Debug, Clone)]
pub(super) struct Runs<D> {
    spec: Arc<RunSpec>,
    pub(super) extract: D,
}

impl Runs<TraitExtractor> {
    pub(super) fn new(run_type: RunType, callbacks: Callbacks) -> Self {
        Self { spec: Arc::new(RunSpec::new(run_type, callbacks)), extract: TraitExtractor }
    }
}

impl<D> Runs<D> {
    pub(super) fn change(&mut self, change: impl FnOnce(&mut RunSpec)) {
        change(Arc::make_mut(&mut self.spec));
    }

    pub(super) fn extract<R, C>(
        self,
        request: R,
        answer: C,
        end_mark: bool,
    ) -> Runs<FnExtractor<R, C>> {
        Runs { spec: self.spec, extract: FnExtractor::new(request, answer, end_mark) }
    }

    /// Calls a ready service, in a run of its own if a handler observes it. `model` is the typed model below, if it is known.
    pub(super) fn call<S, Req>(
        &self,
        inner: &mut S,
        mut request: Req,
        model: Option<Identity>,
    ) -> CallFuture<S, Req, S::Future, Llm>
    where
        S: Service<Req> + Clone,
        D: ExtractRequest<Req>,
    {
        let extract = &self.extract;
        let Some(new_run) = self.spec.open(extract.extensions(&request)) else {
            extract.extensions_mut(&mut request).map(Scope::carry);
            return CallFuture::unobserved(inner.call(request));
        };
        let start = || identity::with(model, || extract.start(&request));
        let emitter = Box::new(start_llm(new_run, start));
        if let Some(extensions) = extract.extensions_mut(&mut request) {
            // From here on the run hands on what its configuration set.
            extensions.remove::<RunConfig>();
            extensions.insert(emitter.scope());
        }
        CallFuture::new(inner, request, emitter, None)
    }
}
