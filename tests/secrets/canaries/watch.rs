use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, Event, EventData, Run,
    handlers::{OtelContent, OtelProfile, OtelSpans},
};

use super::CANARIES;

/// Looks for canaries in all that a handler gets: in each event, and in the texts to which the tokens of a run add up.
#[derive(Clone, Debug)]
pub(super) struct Watch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    what: String,
    /// What must not be seen.
    parts: Vec<&'static str>,
    events: AtomicU64,
    found: Mutex<Option<String>>,
    open: Mutex<HashMap<uuid::Uuid, Texts>>,
}

/// The texts of a run so far, by choice, kind and tool.
type Texts = Vec<((u32, String, u32), String)>;

impl Watch {
    pub(super) fn new(what: &str) -> Self {
        Self::of(what, CANARIES.map(|(_, part)| part).to_vec())
    }

    pub(super) fn of(what: &str, parts: Vec<&'static str>) -> Self {
        Self(Arc::new(Inner {
            what: what.to_owned(),
            parts,
            events: AtomicU64::new(0),
            found: Mutex::default(),
            open: Mutex::default(),
        }))
    }

    pub(super) fn events(&self) -> u64 {
        self.0.events.load(Ordering::Relaxed)
    }

    /// Looks at a text as it is, and as it reads without escapes.
    pub(super) fn look(&self, text: &str) {
        self.look_at(text);
        if text.contains("\\u") {
            self.look_at(&unescaped(text));
        }
    }

    fn look_at(&self, text: &str) {
        let Some(at) = self.0.parts.iter().find_map(|part| text.find(part)) else { return };
        let (from, to) = (at.saturating_sub(900), text.len().min(at + 200));
        let near = String::from_utf8_lossy(&text.as_bytes()[from..to]);
        self.0.found.lock().unwrap().get_or_insert_with(|| near.into_owned());
    }

    fn see(&self, run: &Run, event: &Event) {
        self.0.events.fetch_add(1, Ordering::Relaxed);
        if let EventData::LlmNewToken(token) = event.data() {
            let tool = token.tool_call().map_or(0, |call| call.index);
            let place = (token.choice(), format!("{:?}", token.kind()), tool);
            let mut open = self.0.open.lock().unwrap();
            let texts = open.entry(run.run_id()).or_default();
            let known = texts.iter().position(|(of, _)| *of == place);
            let known = known.unwrap_or_else(|| {
                texts.push((place, String::new()));
                texts.len() - 1
            });
            return texts[known].1.push_str(token.text());
        }
        self.look(&serde_json::to_string(&event.record(run)).unwrap());
        self.look(&format!("{event:?}"));
        if event.kind().is_terminal() {
            let texts = self.0.open.lock().unwrap().remove(&run.run_id());
            texts.into_iter().flatten().for_each(|(_, text)| self.look(&text));
        }
    }

    /// Asserts that something was seen, but no canary.
    #[track_caller]
    pub(super) fn assert_clean(&self) {
        assert!(self.events() > 0, "{}", self.0.what);
        let found = self.0.found.lock().unwrap();
        assert!(found.is_none(), "{}: {}", self.0.what, found.as_deref().unwrap_or_default());
    }

    /// Asserts that canaries were seen.
    #[track_caller]
    pub(super) fn assert_found(&self) {
        assert!(self.0.found.lock().unwrap().is_some(), "{} has no canary", self.0.what);
    }

    /// Returns a handler whose spans it sees.
    pub(super) fn spans(&self, content: OtelContent) -> OtelSpans {
        let exporter = Exporter(self.clone());
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
        let spans = OtelSpans::builder().tracer_provider(provider).content(content);
        spans.profile(OtelProfile::OpenInference).profile(OtelProfile::Langfuse).build()
    }
}

impl CallbackHandler for Watch {
    fn on_event(&self, run: &Run, event: &Event) {
        self.see(run, event);
    }
}

impl AsyncCallbackHandler for Watch {
    async fn on_event(&self, run: &Run, event: &Event) {
        self.see(run, event);
    }
}

/// Replaces each `\u…`, after any number of backslashes. Spaces of all kinds are one.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split("\\u");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        plain.truncate(plain.trim_end_matches('\\').len());
        let code = part.get(..4).and_then(|code| u32::from_str_radix(code, 16).ok());
        let (c, rest) = match code.and_then(char::from_u32) {
            Some('\u{A0}') => (' ', &part[4..]),
            Some(c) => (c, &part[4..]),
            None => ('u', part),
        };
        plain.push(c);
        plain.push_str(rest);
    }
    plain
}

#[derive(Debug)]
struct Exporter(Watch);

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        for span in batch {
            self.0.0.events.fetch_add(1, Ordering::Relaxed);
            self.0.look(&format!("{span:?}"));
        }
        Ok(())
    }
}
