//! The events that handlers at both ends received, as lines of JSON.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tower_llm_callbacks::{Registration, handlers::JsonLines};

#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub(crate) fn inline(&self) -> Registration {
        Registration::inline(JsonLines::new(self.clone()))
    }

    pub(crate) fn blocking(&self) -> Registration {
        Registration::blocking(JsonLines::new(self.clone()))
    }

    pub(crate) fn get(&self) -> Vec<Value> {
        read(&self.0.lock().unwrap())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|byte| **byte == b'\n').count()
    }
}

/// Parses complete lines. A torn last line is skipped.
pub(crate) fn read(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Asserts that both ends received the same events.
pub(crate) fn assert_same(there: Vec<Value>, here: &Lines) {
    // A handler may read the clock for tokens itself, so times differ.
    let timeless = |mut lines: Vec<Value>| {
        for line in &mut lines {
            line["time"].take();
        }
        lines
    };
    let (there, here) = (timeless(sorted(there)), timeless(sorted(here.get())));
    let differ = here.iter().zip(&there).find(|(here, there)| here != there);
    assert!(differ.is_none(), "{differ:#?}");
    assert_eq!(there.len(), here.len());
}

pub(crate) fn id(line: &Value) -> (String, u64) {
    (line["run_id"].as_str().unwrap().to_owned(), line["seq"].as_u64().unwrap())
}

/// Sorted by run, to be independent of how runs interleave.
fn sorted(mut lines: Vec<Value>) -> Vec<Value> {
    lines.sort_by_key(id);
    lines
}

pub(crate) fn runs(lines: &[Value]) -> BTreeMap<String, Vec<&Value>> {
    let mut runs = BTreeMap::<_, Vec<_>>::new();
    for line in lines {
        runs.entry(id(line).0).or_default().push(line);
    }
    runs
}

pub(crate) fn is_terminal(line: &Value) -> bool {
    let event = line["event"].as_str().unwrap();
    event.ends_with("_end") || event.ends_with("_error")
}

/// Asserts the order of each run's events. Returns the runs without a terminal.
pub(crate) fn assert_in_order(lines: &[Value]) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for (run, lines) in runs(lines) {
        assert!(lines[0]["event"].as_str().unwrap().ends_with("_start"), "{run}: {}", lines[0]);
        let numbers: Vec<_> = lines.iter().map(|line| id(line).1).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{run}: {numbers:?}");
        let (last, others) = lines.split_last().unwrap();
        assert!(!others.iter().any(|line| is_terminal(line)), "{run}");
        if !is_terminal(last) {
            open.insert(run);
        }
    }
    open
}

/// Asserts the same order, and that every run has ended.
pub(crate) fn assert_whole(lines: &[Value]) {
    assert_eq!(assert_in_order(lines), BTreeSet::new());
}
