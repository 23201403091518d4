use std::{convert::Infallible, time::Duration};

use axum::body::Bytes;
use futures::{Stream, stream};
use serde::Serialize;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Interval, MissedTickBehavior, interval},
};
use uuid::Uuid;

use super::{
    CONTENT, Live, RUNS,
    content::Part,
    entry::{Detail, Entry},
    row::{Row, since_1970},
    runs::{Runs, Totals},
};

/// Ten times a second at most: what changed in between comes together.
const PACE: Duration = Duration::from_millis(100);

/// So often something is said in any case, so that both sides see when the other has gone.
const SILENCE: Duration = Duration::from_secs(10);

/// What one browser is told, and up to where. It is asked for more when the connection has room.
struct Feed {
    live: Live,
    told: Option<u64>,
    looked_at: Option<LookedAt>,
    pace: Interval,
    spoke: Instant,
    _browser: OwnedSemaphorePermit,
}

/// The run whose prompt and answer are told too.
struct LookedAt {
    id: Uuid,
    /// None before its details were told.
    reshaped: Option<u64>,
    /// So many bytes of each part of its answer were told.
    told: Vec<usize>,
}

#[derive(Serialize)]
struct Update<'a> {
    now: f64,
    /// The runs, where the whole is told; else those that are new or have changed.
    runs: Vec<&'a Row>,
    /// Number and pieces of those that have but got more tokens.
    grown: Vec<(u64, u64)>,
    gone: Vec<u64>,
    totals: &'a Totals,
    limit: usize,
}

#[derive(Serialize)]
struct Details<'a> {
    id: Uuid,
    kept: usize,
    #[serde(flatten)]
    detail: Option<&'a Detail>,
}

#[derive(Serialize)]
struct More<'a> {
    /// The whole part, where it is new.
    part: Option<&'a Part>,
    at: usize,
    text: &'a str,
}

/// None where there are too many browsers.
pub(super) fn open(
    live: &Live,
    run: Option<Uuid>,
) -> Option<impl Stream<Item = Result<Bytes, Infallible>> + use<>> {
    let browser = live.browsers.clone().try_acquire_owned().ok()?;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looked_at = run.map(|id| LookedAt { id, reshaped: None, told: Vec::new() });
    let live = live.clone();
    let feed = Feed { live, told: None, looked_at, pace, spoke: Instant::now(), _browser: browser };
    Some(stream::unfold(feed, async |mut feed| Some((Ok(feed.next().await), feed))))
}

impl Feed {
    async fn next(&mut self) -> Bytes {
        loop {
            self.pace.tick().await;
            let mut said = String::new();
            self.say(&mut said);
            if said.is_empty() && self.spoke.elapsed() < SILENCE {
                continue;
            }
            self.spoke = Instant::now();
            return if said.is_empty() {
                Bytes::from_static(b": still here\n\n")
            } else {
                said.into()
            };
        }
    }

    fn say(&mut self, said: &mut String) {
        let runs = self.live.runs();
        if self.told == Some(runs.changes) {
            return;
        }
        // One that was away too long to be told what it missed gets the whole again.
        let known = self.told.and_then(|told| Some((told, runs.gone_after(told)?)));
        match known {
            Some((told, gone)) => event(said, "update", &update(&runs, told, gone)),
            None => event(said, "snapshot", &update(&runs, 0, Vec::new())),
        }
        if let Some(looked_at) = &mut self.looked_at {
            looked_at.say(&runs, said);
        }
        self.told = Some(runs.changes);
    }
}

fn update(runs: &Runs, told: u64, gone: Vec<u64>) -> Update<'_> {
    let changed = || runs.iter().filter(|entry| entry.changed > told);
    let is_more = |entry: &&Entry| entry.reshaped > told;
    Update {
        now: since_1970(std::time::SystemTime::now()),
        runs: changed().filter(is_more).map(|entry| &entry.row).collect(),
        grown: changed()
            .filter(|entry| !is_more(entry))
            .map(|entry| (entry.row.number, entry.row.pieces))
            .collect(),
        gone,
        totals: &runs.totals,
        limit: RUNS,
    }
}

impl LookedAt {
    fn say(&mut self, runs: &Runs, said: &mut String) {
        let Some(entry) = runs.get(self.id) else {
            if self.reshaped.is_none() {
                event(said, "detail", &Details { id: self.id, kept: CONTENT, detail: None });
                self.reshaped = Some(0);
            }
            return;
        };
        let parts = &entry.detail.answer.parts;
        if self.reshaped != Some(entry.reshaped) {
            let detail = Some(&entry.detail);
            event(said, "detail", &Details { id: self.id, kept: CONTENT, detail });
            self.reshaped = Some(entry.reshaped);
            self.told = parts.iter().map(|part| part.text.len()).collect();
            return;
        }
        let mut more = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            match self.told.get_mut(at) {
                None => {
                    more.push(More { part: Some(part), at, text: "" });
                    self.told.push(part.text.len());
                }
                Some(told) if *told < part.text.len() => {
                    more.push(More { part: None, at, text: &part.text[*told..] });
                    *told = part.text.len();
                }
                Some(_) => {}
            }
        }
        if !more.is_empty() {
            event(said, "more", &more);
        }
    }
}

/// JSON has no line breaks of its own, so that it is one line of an event.
fn event(said: &mut String, name: &str, data: &impl Serialize) {
    let data = serde_json::to_string(data).unwrap_or_default();
    said.extend(["event: ", name, "\ndata: ", &data, "\n\n"]);
}
