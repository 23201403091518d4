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
            self.change(|spec| spec.name = name.into())
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

pub(crate) use run_settings;
