/// The setters of every layer that makes runs. The layer has a method `change`, which passes its
/// [`RunSpec`](super::RunSpec) to a closure.
macro_rules! run_settings {
    () => {
        /// Adds callbacks for the layer's own runs, but not for their children.
        #[must_use]
        pub fn callbacks(self, callbacks: impl Into<$crate::Callbacks>) -> Self {
            self.change(|spec| spec.local.add_callbacks(callbacks))
        }

        /// Sets the name of the runs. The default is that of their type.
        #[must_use]
        pub fn name(self, name: impl Into<std::sync::Arc<str>>) -> Self {
            self.change(|spec| spec.name = Some(name.into()))
        }

        /// Adds tags to the runs, but not to their children.
        #[must_use]
        pub fn tags<T: Into<std::sync::Arc<str>>>(self, tags: impl IntoIterator<Item = T>) -> Self {
            self.change(|spec| spec.local.add_tags(tags))
        }

        /// Sets a key of the metadata of the runs, but not of their children.
        #[must_use]
        pub fn metadata(self, key: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
            self.change(|spec| {
                spec.local.metadata.insert(key.into(), value.into());
            })
        }

        /// Adds callbacks for the runs and their children.
        #[must_use]
        pub fn inheritable_callbacks(self, callbacks: impl Into<$crate::Callbacks>) -> Self {
            self.change(|spec| spec.inheritable.add_callbacks(callbacks))
        }

        /// Adds tags to the runs and their children.
        #[must_use]
        pub fn inheritable_tags<T: Into<std::sync::Arc<str>>>(
            self,
            tags: impl IntoIterator<Item = T>,
        ) -> Self {
            self.change(|spec| spec.inheritable.add_tags(tags))
        }

        /// Sets a key of the metadata of the runs and their children.
        #[must_use]
        pub fn inheritable_metadata(
            self,
            key: impl Into<String>,
            value: impl Into<serde_json::Value>,
        ) -> Self {
            self.change(|spec| {
                spec.inheritable.metadata.insert(key.into(), value.into());
            })
        }

        /// Sets how much of prompts and answers handlers receive. The default is all of it.
        #[must_use]
        pub fn content(self, content: $crate::ContentCapture) -> Self {
            self.change(|spec| spec.content = content)
        }
    };
}

/// The setters of layers whose runs are model calls, beside those of [`run_settings`].
macro_rules! llm_settings {
    () => {
        /// Sets how the usage is estimated that the provider does not report: of answers that were dropped midway, and of
        /// servers that report nothing. The default is a
        /// [`WordEstimator`]($crate::estimate::WordEstimator) of the layer's own, which its services and clones share.
        ///
        /// It is called when a run ends, by the task that ends it, and only if a handler receives the end of the run.
        ///
        /// [`Usage::source`]($crate::Usage::source) says which counts are estimated.
        #[must_use]
        pub fn usage_estimator(
            self,
            estimator: std::sync::Arc<dyn $crate::estimate::UsageEstimator>,
        ) -> Self {
            self.change(|spec| {
                std::sync::Arc::make_mut(&mut spec.accounting).estimator = Some(estimator);
            })
        }

        /// Sets whether handlers receive the outputs of calls that generate no text: vectors, pictures, ranked documents, the
        /// scores of a moderation. The default is no, whatever [`content`](Self::content) says: a vector of 1,536 numbers
        /// takes 48 KiB.
        ///
        /// They are [`LlmResult::output`]($crate::LlmResult::output), as the provider sends them. `content` limits them, too: with
        /// [`ContentCapture::Off`]($crate::ContentCapture::Off) there are none. Over HTTP, those of a run count against the bounds of
        /// its answer, and those beyond are left out. Sound is not captured.
        ///
        /// ```
        /// use tower_llm_callbacks::{Callbacks, EventData, HttpCallbackLayer, layer::ModelLayer, on_event};
        ///
        /// let print = on_event(|_, event| {
        ///     if let EventData::ModelEnd(_, result) = event.data() {
        ///         println!("{:?}", result.output.first());
        ///     }
        /// });
        /// let callbacks = Callbacks::new().blocking(print);
        /// let layer = HttpCallbackLayer::new(&callbacks).capture_outputs(true);
        /// // For calls of your own, the closure that reads a response emits `Delta::output(json!([0.1, 0.2]))`.
        /// let typed = ModelLayer::embedding(&callbacks).capture_outputs(true);
        /// ```
        #[must_use]
        pub fn capture_outputs(self, capture: bool) -> Self {
            self.change(|spec| spec.capture_outputs = capture)
        }

        /// Leaves usage unknown that the provider does not report.
        #[must_use]
        pub fn without_estimates(self) -> Self {
            self.change(|spec| {
                std::sync::Arc::make_mut(&mut spec.accounting).estimator = None;
            })
        }

        /// Sets the prices of the calls: with them, results have their [cost](crate::LlmResult::cost).
        ///
        /// A call is priced when it ends, if a handler receives its end: by the prices that a replaceable source has then,
        /// at the time at which the run started.
        ///
        /// ```
        /// use std::sync::Arc;
        /// use tower_llm_callbacks::{Callbacks, CallbackLayer, on_llm_end};
        /// use tower_llm_callbacks::event::{Amount, Price, PriceSource, PricedCall};
        ///
        /// #[derive(Debug)]
        /// struct OneCent;
        ///
        /// impl PriceSource for OneCent {
        ///     fn currency(&self) -> Arc<str> {
        ///         "EUR".into()
        ///     }
        ///
        ///     fn price_of(&self, _: &PricedCall<'_>) -> Option<Price> {
        ///         Some(Price::new("EUR", "0.01".parse().ok()?))
        ///     }
        /// }
        ///
        /// let print = on_llm_end(|_, result| println!("{:?}", result.cost));
        /// let layer = CallbackLayer::new(Callbacks::new().blocking(print)).prices(OneCent);
        /// ```
        #[must_use]
        pub fn prices(self, prices: impl $crate::event::PriceSource) -> Self {
            self.change(|spec| {
                std::sync::Arc::make_mut(&mut spec.accounting).prices =
                    Some(std::sync::Arc::new(prices));
            })
        }
    };
}

pub(crate) use {llm_settings, run_settings};
