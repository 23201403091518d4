use std::{
    fmt,
    sync::{Arc, Mutex},
};

use uuid::Uuid;

use crate::{run::Attempts, sync::lock};

/// The settings of a configuration that one call only takes, and the run that was made with it.
#[derive(Default)]
pub(crate) struct OneShotSettings {
    name: Mutex<Name>,
    id: Mutex<Option<Uuid>>,
    made: Arc<Made>,
}

/// The name of a call's run, and of its further attempts.
#[derive(Default)]
struct Name {
    name: Option<Arc<str>>,
    taken: Option<Call>,
}

/// Which call a run was made for.
struct Call(Option<Arc<Attempts>>);

/// The run that was made with a configuration.
#[derive(Default)]
struct Made {
    run: Mutex<Option<(Uuid, Call)>>,
    /// The run of the configuration from which this one was made: handles to that one follow this one too.
    from: Option<Arc<Made>>,
}

impl Call {
    fn of(attempts: Option<&Arc<Attempts>>) -> Self {
        Self(attempts.cloned())
    }

    /// Whether another run is an attempt of this call.
    fn has(&self, attempts: Option<&Arc<Attempts>>) -> bool {
        self.0.as_ref().zip(attempts).is_some_and(|(own, other)| Arc::ptr_eq(own, other))
    }
}

impl OneShotSettings {
    pub(super) fn with_name(self, name: Option<Arc<str>>) -> Self {
        Self { name: Mutex::new(Name { name, taken: None }), ..self }
    }

    pub(super) fn with_id(self, id: Option<Uuid>) -> Self {
        Self { id: Mutex::new(id), ..self }
    }

    /// Returns the settings for another configuration that is made from this one.
    pub(super) fn copy(&self) -> Self {
        let name = {
            let Name { name, taken } = &*lock(&self.name);
            name.clone().filter(|_| taken.is_none())
        };
        self.derived().with_name(name).with_id(*lock(&self.id))
    }

    /// Returns the settings for one of many calls: each has the name, and the first one the id.
    pub(super) fn for_call(&self) -> Self {
        let name = lock(&self.name).name.clone();
        self.derived().with_name(name).with_id(self.take_id())
    }

    fn derived(&self) -> Self {
        let made = Made { from: Some(Arc::clone(&self.made)), ..Made::default() };
        Self { made: Arc::new(made), ..Self::default() }
    }

    /// Returns the name for the first call's run, and for the further attempts of that call.
    pub(super) fn take_name(&self, attempts: Option<&Arc<Attempts>>) -> Option<Arc<str>> {
        let mut name = lock(&self.name);
        let Name { name, taken } = &mut *name;
        let name = name.clone()?;
        match taken {
            Some(call) => call.has(attempts).then_some(name),
            None => {
                *taken = Some(Call::of(attempts));
                Some(name)
            }
        }
    }

    pub(super) fn take_id(&self) -> Option<Uuid> {
        lock(&self.id).take()
    }

    /// A run was opened. The first one stays, but for further attempts of its call.
    pub(super) fn opened(&self, run_id: Uuid, attempts: Option<&Arc<Attempts>>) {
        let mut made = Some(&self.made);
        while let Some(Made { run, from }) = made.map(|made| &**made) {
            let mut run = lock(run);
            if run.as_ref().is_none_or(|(_, call)| call.has(attempts)) {
                *run = Some((run_id, Call::of(attempts)));
            }
            made = from.as_ref();
        }
    }
}

impl fmt::Debug for OneShotSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneShotSettings")
            .field("run_name", &lock(&self.name).name)
            .field("run_id", &lock(&self.id))
            .finish_non_exhaustive()
    }
}

/// A handle to the first run that is made with a [`RunConfig`](super::RunConfig). Created by
/// [`RunConfig::handle`](super::RunConfig::handle).
#[derive(Debug, Clone)]
pub struct RunHandle(pub(super) Arc<OneShotSettings>);

impl RunHandle {
    /// Returns the run's id. `None` until a run is made, and where the call is unobserved.
    ///
    /// Of a call whose attempts are counted by an [`AttemptsLayer`](crate::AttemptsLayer), it is the latest attempt so far.
    pub fn run_id(&self) -> Option<Uuid> {
        lock(&self.0.made.run).as_ref().map(|(run_id, _)| *run_id)
    }
}
