use std::{any::Any, error::Error, io, sync::Arc};

use http::Extensions;
use tower::BoxError;

use super::{
    CallerRules, HttpStats, Provider, TracePropagation, budget::Budget, pattern::RequestPath,
    routes::Routes, unobserved::Unobserved,
};
use crate::{callbacks::Callbacks, lifecycle::RunSpec, run::RunType};

const DEFAULT_REQUEST_BYTES: usize = 16 * 1024 * 1024;
const DEFAULT_KEPT_BYTES: usize = 256 * 1024 * 1024;

/// Returns an error of a certain type as an error.
pub(super) type AsError = for<'a> fn(&'a dyn Any) -> Option<&'a (dyn Error + 'static)>;

fn boxed_error(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    let error = error.downcast_ref::<BoxError>()?;
    Some(&**error)
}

pub(super) fn typed_error<E: Error + 'static>(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    let error = error.downcast_ref::<E>()?;
    Some(error)
}

/// The settings of a layer, shared by its services.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) spec: RunSpec,
    pub(super) routes: Routes,
    pub(super) max_request_bytes: usize,
    pub(super) budget: Arc<Budget>,
    /// Turns errors of the inner service into those whose causes are known.
    pub(super) error_types: Vec<AsError>,
    pub(super) propagation: TracePropagation,
    /// The provider of all calls that no path sets it for.
    pub(super) provider: Option<Arc<str>>,
    pub(super) callers: CallerRules,
    pub(super) unobserved: Arc<Unobserved>,
}

impl Settings {
    pub(super) fn new(callbacks: Callbacks) -> Self {
        Self {
            spec: RunSpec::new(RunType::Llm, callbacks),
            routes: Routes::known(),
            max_request_bytes: DEFAULT_REQUEST_BYTES,
            budget: Budget::new(DEFAULT_KEPT_BYTES),
            error_types: vec![boxed_error, typed_error::<io::Error>],
            propagation: TracePropagation::default(),
            provider: None,
            callers: CallerRules::new(),
            unobserved: Arc::default(),
        }
    }

    /// Returns the name of the provider of a call, if the layer or the request sets it.
    pub(super) fn provider(
        &self,
        path: RequestPath<'_>,
        extensions: &Extensions,
    ) -> Option<Arc<str>> {
        let set = self.routes.provider(path).or(self.provider.as_ref());
        set.cloned().or_else(|| extensions.get::<Provider>().map(Provider::shared))
    }

    pub(super) fn stats(&self) -> HttpStats {
        HttpStats {
            kept_bytes: self.budget.kept(),
            max_kept_bytes: self.budget.limit(),
            waiting_requests: self.budget.waiting(),
            unobserved: self.unobserved.all(),
        }
    }
}
