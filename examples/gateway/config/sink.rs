use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;
use tower_llm_callbacks::{
    HandlerExt,
    handler::{
        Adapted, ContentLimit, Mask, MaskStep, MaskWindow, Masking, PersonalData, Sampled, Sampling,
    },
    handlers::Amount,
};

use super::{
    OtlpSettings, Problem,
    values::{ByteSize, Content, Seconds},
};

/// Where events go, and what of them: exactly one of `jsonl`, `otlp` and `nats`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SinkSettings {
    pub(crate) jsonl: Option<JsonlSettings>,
    pub(crate) otlp: Option<OtlpSettings>,
    pub(crate) nats: Option<NatsSettings>,
    content: Option<Content>,
    mask: Texts,
    sample: Option<SampleSettings>,
}

/// A file of records. With `max_size` or `every` it is rotated: `events.jsonl.1` is the newest of the old ones.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonlSettings {
    pub(crate) path: PathBuf,
    pub(crate) max_size: Option<ByteSize>,
    pub(crate) every: Option<Seconds>,
    /// How many old files are kept.
    #[serde(default = "ten")]
    pub(crate) keep: usize,
}

/// The most old files of a sink.
const MOST_KEPT: usize = 10_000;

fn ten() -> usize {
    10
}

/// Returns the key of a part of a sink. That of an option has no keys of its own.
pub(crate) fn key_of(sink: &str, name: &str) -> String {
    if sink.contains('[') { format!("{sink}.{name}") } else { sink.to_owned() }
}

/// A NATS server with JetStream.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NatsSettings {
    pub(crate) url: String,
}

/// Which runs are passed on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleSettings {
    /// The share of all runs: 0.01 for one of a hundred.
    share: f64,
    /// Other shares, by tenant.
    #[serde(default)]
    tenants: BTreeMap<String, f64>,
    #[serde(default)]
    keep_errors: bool,
    keep_slower_than: Option<Seconds>,
    keep_dearer_than: Option<Amount>,
}

/// What is covered in texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Texts {
    #[default]
    Uncovered,
    PersonalData,
}

impl Mask for Texts {
    fn step(&self, window: MaskWindow<'_>) -> MaskStep {
        match self {
            Self::Uncovered => MaskStep::Pass(window.text.len()),
            Self::PersonalData => PersonalData::new().step(window),
        }
    }
}

impl SinkSettings {
    pub(super) fn jsonl(path: PathBuf) -> Self {
        let jsonl = JsonlSettings { path, max_size: None, every: None, keep: ten() };
        Self { jsonl: Some(jsonl), ..Self::default() }
    }

    pub(super) fn nats(url: String) -> Self {
        Self { nats: Some(NatsSettings { url }), ..Self::default() }
    }

    /// Returns whether the sink gets all runs as they are.
    pub(crate) fn gets_everything(&self) -> bool {
        self.content.is_none() && self.mask == Texts::Uncovered && self.sample.is_none()
    }

    /// Returns the tenants with a share of their own.
    pub(super) fn sampled_tenants(&self) -> impl Iterator<Item = &String> {
        self.sample.iter().flat_map(|sample| sample.tenants.keys())
    }

    /// Adapts a handler to what the sink is to get.
    pub(crate) fn adapt<H>(
        &self,
        handler: H,
    ) -> Adapted<Adapted<Adapted<H, ContentLimit>, Masking<Texts>>, Sampled> {
        let content = self.content.map(|content| content.0).unwrap_or_default();
        let sampling = self.sample.as_ref().map_or(Sampling::share(1.0), SampleSettings::sampling);
        handler.content(content).mask(self.mask).sample(sampling)
    }

    pub(super) fn check(&self, key: &str, priced: bool) -> Result<(), Problem> {
        let of = |name: &str| format!("{key}.{name}");
        let kinds = [self.jsonl.is_some(), self.otlp.is_some(), self.nats.is_some()];
        if kinds.iter().filter(|is| **is).count() != 1 {
            return Err(Problem::new(key, "a sink has exactly one of `jsonl`, `otlp` and `nats`"));
        }
        if let Some(jsonl) = &self.jsonl {
            jsonl.check(&of("jsonl"))?;
        }
        if let Some(otlp) = &self.otlp {
            otlp.check(&of("otlp"))?;
        }
        if cfg!(not(feature = "nats")) && self.nats.is_some() {
            let message = "this gateway was built without NATS; run it with `--features nats`";
            return Err(Problem::new(of("nats"), message));
        }
        let Some(sample) = &self.sample else { return Ok(()) };
        if sample.keep_dearer_than.is_some() && !priced {
            let message = "needs prices: add `bundled = true` or `file` to [prices]";
            return Err(Problem::new(of("sample.keep_dearer_than"), message));
        }
        let shares = sample.tenants.iter().map(|(name, share)| (format!("tenants.{name}"), *share));
        for (name, share) in shares.chain([("share".to_owned(), sample.share)]) {
            if !(0.0..=1.0).contains(&share) {
                let message = "must be between 0 and 1: 0.01 is one of a hundred";
                return Err(Problem::new(of(&format!("sample.{name}")), message));
            }
        }
        Ok(())
    }
}

impl JsonlSettings {
    pub(super) fn rotates(&self) -> bool {
        self.max_size.is_some() || self.every.is_some()
    }

    fn check(&self, key: &str) -> Result<(), Problem> {
        let of = |name: &str| format!("{key}.{name}");
        let zero = "must not be 0: leave it out if the file is not to be rotated by it";
        if self.max_size == Some(ByteSize(0)) {
            return Err(Problem::new(of("max_size"), zero));
        }
        if self.every.is_some_and(|every| every.0.as_secs() == 0) {
            return Err(Problem::new(of("every"), zero));
        }
        if self.keep > MOST_KEPT {
            let message = format!("must be at most {MOST_KEPT}: each rotation renames all of them");
            return Err(Problem::new(of("keep"), message));
        }
        if self.rotates() && self.path.as_os_str() == "-" {
            return Err(Problem::new(
                key,
                "standard output cannot be rotated: set a file as `path`",
            ));
        }
        if self.path.is_dir() {
            return Err(Problem::new(of("path"), "it is a folder: name a file in it"));
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match folder.is_none_or(|folder| folder.is_dir()) {
            true => Ok(()),
            false => Err(Problem::new(of("path"), "its folder does not exist: create it")),
        }
    }
}

impl SampleSettings {
    fn sampling(&self) -> Sampling {
        let sampling = Sampling::share(self.share);
        let tenants = self.tenants.iter();
        let mut sampling = tenants.fold(sampling, |sampling, (tenant, share)| {
            sampling.share_of("tenant", tenant.as_str(), *share)
        });
        if self.keep_errors {
            sampling = sampling.keep_errors();
        }
        if let Some(time) = self.keep_slower_than {
            sampling = sampling.keep_slower_than(time.0);
        }
        if let Some(amount) = self.keep_dearer_than {
            sampling = sampling.keep_dearer_than(amount);
        }
        sampling
    }
}
