use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::future::join_all;
use serde::Serialize;
use tower_llm_callbacks::Callbacks;

use super::{Rotation, RunningSink};
use crate::config::{Problem, Settings};

/// The sinks of the present settings, and those before that may have calls in flight.
#[derive(Default)]
pub(crate) struct Sinks {
    present: Vec<RunningSink>,
    former: Vec<RunningSink>,
    /// So that two handlers of one file, before and after a reload, do not rotate it apart from each other.
    files: HashMap<PathBuf, Rotation>,
}

/// The state of a sink, for `/readyz`.
#[derive(Debug, Serialize)]
pub(crate) struct SinkStatus {
    handlers: Vec<String>,
    pub(crate) failing: bool,
    faults: u64,
}

impl Sinks {
    /// Starts the sinks of new settings. Those that are the same as before go on; if one cannot be started, all do.
    pub(crate) fn apply(&mut self, settings: &Settings) -> Result<Callbacks, Problem> {
        let mut started = Vec::new();
        let wanted: Vec<_> = settings.all_sinks().collect();
        let is_kept = |it: &RunningSink| wanted.iter().any(|(_, sink)| *sink == it.settings);
        for (key, sink) in &wanted {
            if !self.present.iter().any(|it| it.settings == *sink) {
                let file_of = |path: &Path| self.files.get(path).cloned();
                let sink = RunningSink::start(key, sink.clone(), file_of);
                started.push(sink.map_err(|error| Problem::new(key, error))?);
            }
        }
        let (kept, former) = self.present.drain(..).partition::<Vec<_>, _>(is_kept);
        self.former.extend(former);
        self.present = kept.into_iter().chain(started).collect();
        for sink in &self.present {
            if let (Some(jsonl), Some(file)) = (&sink.settings.jsonl, &sink.file) {
                self.files.insert(jsonl.path.clone(), file.clone());
            }
        }
        let handlers = |set: Callbacks, sink: &RunningSink| set.merge(&sink.handlers);
        Ok(self.present.iter().fold(Callbacks::new(), handlers))
    }

    /// Opens files anew, as a tool that rotates them asks for.
    pub(crate) fn reopen(&self) {
        for file in self.present.iter().filter_map(|sink| sink.file.as_ref()) {
            if let Err(error) = file.reopen() {
                eprintln!("{error}");
            }
        }
    }

    pub(crate) fn status(&self) -> Vec<SinkStatus> {
        let status = |sink: &RunningSink| {
            let handlers = sink.handlers.stats();
            SinkStatus {
                failing: sink.is_failing(),
                faults: handlers.iter().map(|handler| handler.faults).sum(),
                handlers: handlers.iter().map(|handler| handler.handler.to_string()).collect(),
            }
        };
        self.present.iter().map(status).collect()
    }

    /// Waits until what the handlers have got has arrived, after a flush of the callbacks.
    pub(crate) async fn close(&self, deadline: Duration) {
        join_all(self.present.iter().chain(&self.former).map(|sink| sink.close(deadline))).await;
    }
}
