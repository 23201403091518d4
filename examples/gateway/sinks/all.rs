use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use tower_llm_callbacks::Callbacks;

use super::{Former, Rotation, RunningSink};
use crate::config::{Problem, Settings, resolved};

/// The sinks of the present settings, and those before that may have calls in flight.
#[derive(Default)]
pub(crate) struct Sinks {
    present: Vec<Arc<RunningSink>>,
    former: Former,
    /// So that two handlers of one file, before and after a reload, do not rotate it apart from each other.
    files: HashMap<PathBuf, Rotation>,
}

impl Sinks {
    pub(crate) fn new(former: Former) -> Self {
        Self { former, ..Self::default() }
    }

    /// Starts the sinks of new settings. Those that are the same as before go on; if one cannot be started, all do.
    pub(crate) fn apply(&mut self, settings: &Settings) -> Result<Callbacks, Problem> {
        // Those that no handler writes to.
        self.files.retain(|_, file| file.is_used());
        let mut started = Vec::new();
        let wanted: Vec<_> = settings.all_sinks().collect();
        let is_kept = |it: &Arc<RunningSink>| wanted.iter().any(|(_, sink)| *sink == it.settings);
        for (key, sink) in &wanted {
            if !self.present.iter().any(|it| it.settings == *sink) {
                let file_of = |path: &Path| self.files.get(&resolved(path)).cloned();
                let sink = RunningSink::start(key, sink.clone(), file_of);
                started.push(Arc::new(sink?));
            }
        }
        let (kept, former) = self.present.drain(..).partition::<Vec<_>, _>(is_kept);
        former.iter().for_each(|sink| self.former.add(Arc::clone(&sink.destination)));
        self.present = kept.into_iter().chain(started).collect();
        for sink in &self.present {
            if let (Some(jsonl), Some(file)) = (&sink.settings.jsonl, &sink.file) {
                self.files.insert(resolved(&jsonl.path), file.clone());
            }
        }
        // Spans first, whatever the order of the settings: other handlers record their ids.
        let (spans, others): (Vec<_>, Vec<_>) =
            self.present.iter().partition(|sink| sink.settings.otlp.is_some());
        let handlers = |set: Callbacks, sink: &Arc<RunningSink>| set.merge(&sink.handlers);
        Ok(spans.into_iter().chain(others).fold(Callbacks::new(), handlers))
    }

    /// Opens files anew, as a tool that rotates them asks for.
    pub(crate) fn reopen(&self) {
        for file in self.present.iter().filter_map(|sink| sink.file.as_ref()) {
            if let Err(error) = file.reopen() {
                eprintln!("{error}");
            }
        }
    }

    /// Returns the sinks of the present settings.
    pub(crate) fn present(&self) -> Vec<Arc<RunningSink>> {
        self.present.clone()
    }
}
