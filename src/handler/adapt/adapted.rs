use std::{borrow::Cow, fmt, sync::OnceLock};

use tower::BoxError;

use super::{Adaptation, Adapter, redelivery::Redelivery};
use crate::{
    event::Event,
    handler::{AsyncCallbackHandler, BatchError, BatchEvent, CallbackHandler, EventMask},
    run::Run,
};

/// A handler behind an adaptor, which decides what the handler gets. Created by the methods of
/// [`HandlerExt`](super::HandlerExt), or with an [`Adapter`] of your own.
///
/// It is a handler of the kind that the inner one is, and one that takes [batches](CallbackHandler::on_events) if the inner
/// one does. As a handler of a set it is an instance of its own, whatever the inner one identifies: a set may have a
/// handler behind several adaptors.
pub struct Adapted<H, A> {
    inner: H,
    adapter: A,
    wanted: OnceLock<EventMask>,
    takes_batches: OnceLock<bool>,
    redelivery: Redelivery,
}

impl<H, A: Adapter> Adapted<H, A> {
    /// Puts an adaptor before a handler.
    pub fn new(inner: H, adapter: A) -> Self {
        Self {
            inner,
            adapter,
            wanted: OnceLock::new(),
            takes_batches: OnceLock::new(),
            redelivery: Redelivery::default(),
        }
    }

    /// Returns the handler behind the adaptor.
    pub fn get_ref(&self) -> &H {
        &self.inner
    }

    /// Returns the adaptor.
    pub fn adapter(&self) -> &A {
        &self.adapter
    }

    /// Returns what the handler gets for an event, without what it does not want.
    fn adapt(&self, wanted: EventMask, run: &Run, event: &Event) -> Adaptation {
        let wants = |event: &Event| wanted.wants_in(event.kind(), run.run_type());
        match self.adapter.adapt(run, event) {
            Adaptation::Same if !wants(event) => Adaptation::Nothing,
            Adaptation::One(event) if !wants(&event) => Adaptation::Nothing,
            Adaptation::Several(mut events) => {
                events.retain(wants);
                Adaptation::Several(events)
            }
            adaptation => adaptation,
        }
    }
}

impl<H: CallbackHandler, A: Adapter> CallbackHandler for Adapted<H, A> {
    fn event_mask(&self) -> EventMask {
        self.adapter.event_mask(self.inner.event_mask())
    }

    fn name(&self) -> Cow<'static, str> {
        self.inner.name()
    }

    fn try_on_event(&self, run: &Run, event: &Event) -> Result<(), BoxError> {
        let wanted = *self.wanted.get_or_init(|| self.inner.event_mask());
        match self.adapt(wanted, run, event) {
            Adaptation::Same => self.inner.try_on_event(run, event),
            Adaptation::Nothing => Ok(()),
            Adaptation::One(event) => self.inner.try_on_event(run, &event),
            Adaptation::Several(events) => {
                events.iter().try_for_each(|event| self.inner.try_on_event(run, event))
            }
        }
    }

    fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        // Asked without events, since what an adaptor has made of an event must be delivered once.
        let takes_batches = self.takes_batches.get_or_init(|| {
            !self.inner.on_events(&[]).as_ref().is_err_and(BatchError::is_one_by_one)
        });
        if !takes_batches {
            return Err(BatchError::one_by_one());
        }
        let wanted = *self.wanted.get_or_init(|| self.inner.event_mask());
        let adapt = |of: &BatchEvent<'_>| {
            let again = self.redelivery.take(of);
            again.unwrap_or_else(|| self.adapt(wanted, of.run, of.event))
        };
        let adaptations: Vec<Adaptation> = batch.iter().map(adapt).collect();
        let (mut places, mut events) = (Vec::new(), Vec::new());
        for (place, (of, adaptation)) in batch.iter().zip(&adaptations).enumerate() {
            let of_run = match adaptation {
                Adaptation::Same => std::slice::from_ref(of.event),
                Adaptation::Nothing => &[],
                Adaptation::One(event) => std::slice::from_ref(event),
                Adaptation::Several(events) => events,
            };
            events.extend(of_run.iter().map(|event| BatchEvent::new(of.run, event)));
            places.resize(events.len(), place);
        }
        if events.is_empty() {
            return Ok(());
        }
        let Err(error) = self.inner.on_events(&events) else { return Ok(()) };
        let (failed, error) = error.in_batch(events.len());
        let Some(failed) = failed.map(|nth| places[nth]) else { return Err(error.into()) };
        drop((events, places));
        // What follows comes again, without the run that failed.
        let rest = batch.iter().zip(adaptations).skip(failed + 1);
        self.redelivery.keep(rest.filter(|(of, _)| of.run.run_id() != batch[failed].run.run_id()));
        Err(BatchError::after(failed, error))
    }
}

impl<H: AsyncCallbackHandler, A: Adapter> AsyncCallbackHandler for Adapted<H, A> {
    fn event_mask(&self) -> EventMask {
        self.adapter.event_mask(self.inner.event_mask())
    }

    fn name(&self) -> Cow<'static, str> {
        self.inner.name()
    }

    async fn try_on_event(&self, run: &Run, event: &Event) -> Result<(), BoxError> {
        let wanted = *self.wanted.get_or_init(|| self.inner.event_mask());
        match self.adapt(wanted, run, event) {
            Adaptation::Same => self.inner.try_on_event(run, event).await,
            Adaptation::Nothing => Ok(()),
            Adaptation::One(event) => self.inner.try_on_event(run, &event).await,
            Adaptation::Several(events) => {
                for event in &events {
                    self.inner.try_on_event(run, event).await?;
                }
                Ok(())
            }
        }
    }
}

impl<H, A: fmt::Debug> fmt::Debug for Adapted<H, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapted").field("adapter", &self.adapter).finish_non_exhaustive()
    }
}
