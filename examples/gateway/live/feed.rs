use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use axum::body::Bytes;
use futures::{Stream, stream};
use serde::Serialize;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Interval, MissedTickBehavior, interval},
};
use uuid::Uuid;

use super::{
    CONTENT, LivePage, RUNS,
    content::ContentPart,
    entry::{RunDetail, RunEntry},
    row::{RunRow, since_1970},
    runs::{Runs, Totals},
};

/// The interval of updates, each with all changes of the interval.
const PACE: Duration = Duration::from_millis(100);

/// The interval of keep-alives without updates, by which both sides notice a lost connection.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The stream of updates for one browser. It is polled when the connection is ready for more.
struct Feed {
    page: LivePage,
    /// The number of the last change that was sent.
    sent: Option<u64>,
    selected: Option<SelectedRun>,
    /// The number of calls that wait for their request, as it was sent last.
    waiting: usize,
    /// The number of unobserved requests, as it was sent last.
    unobserved: u64,
    /// The state of the overview, as it was sent last.
    overview: Option<(u64, u64)>,
    pace: Interval,
    last_sent: Instant,
    _browser: OwnedSemaphorePermit,
}

/// The run whose prompt and answer are sent, too.
struct SelectedRun {
    id: Uuid,
    /// The number of the last full change that was sent, or `None` before the first one.
    reshaped: Option<u64>,
    /// The number of bytes sent of each part of the answer.
    sent: Vec<usize>,
}

#[derive(Serialize)]
struct RunsUpdate<'a> {
    now: f64,
    /// All runs in a snapshot; in an update, those that are new or have changed by more than tokens.
    runs: Vec<&'a RunRow>,
    /// Number and pieces of runs that have only received tokens.
    grown: Vec<(u64, u64)>,
    gone: Vec<u64>,
    totals: &'a Totals,
    limit: usize,
}

#[derive(Serialize)]
struct DetailUpdate<'a> {
    id: Uuid,
    kept: usize,
    #[serde(flatten)]
    detail: Option<&'a RunDetail>,
}

#[derive(Serialize)]
struct AnswerUpdate<'a> {
    /// The whole part, if it is new.
    part: Option<&'a ContentPart>,
    at: usize,
    text: &'a str,
}

/// Opens a feed. Returns `None` if too many browsers are connected.
pub(super) fn open(
    page: &LivePage,
    run: Option<Uuid>,
) -> Option<impl Stream<Item = Result<Bytes, Infallible>> + use<>> {
    let browser = page.browsers.clone().try_acquire_owned().ok()?;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let selected = run.map(|id| SelectedRun { id, reshaped: None, sent: Vec::new() });
    let (page, last_sent) = (page.clone(), Instant::now());
    let feed = Feed {
        page,
        sent: None,
        selected,
        waiting: 0,
        unobserved: 0,
        overview: None,
        pace,
        last_sent,
        _browser: browser,
    };
    Some(stream::unfold(feed, async |mut feed| Some((Ok(feed.next().await), feed))))
}

impl Feed {
    async fn next(&mut self) -> Bytes {
        loop {
            self.pace.tick().await;
            let mut events = String::new();
            self.write(&mut events);
            self.write_overview(&mut events);
            self.write_waiting(&mut events);
            self.write_unobserved(&mut events);
            if events.is_empty() && self.last_sent.elapsed() < KEEP_ALIVE {
                continue;
            }
            self.last_sent = Instant::now();
            return if events.is_empty() {
                Bytes::from_static(b": keep-alive\n\n")
            } else {
                events.into()
            };
        }
    }

    fn write(&mut self, events: &mut String) {
        let runs = self.page.runs();
        if self.sent == Some(runs.changes) {
            return;
        }
        // A browser that was away for too long receives a snapshot: the changes it missed are not known any more.
        let known = self.sent.and_then(|sent| Some((sent, runs.gone_after(sent)?)));
        match known {
            Some((sent, gone)) => write_event(events, "update", &update(&runs, sent, gone)),
            None => write_event(events, "snapshot", &update(&runs, 0, Vec::new())),
        }
        if let Some(selected) = &mut self.selected {
            selected.write(&runs, events);
        }
        self.sent = Some(runs.changes);
    }

    fn write_overview(&mut self, events: &mut String) {
        let (runs, now) = (self.page.runs(), SystemTime::now());
        let state = Some(runs.overview.state(now));
        if state != std::mem::replace(&mut self.overview, state) {
            write_event(events, "overview", &runs.overview.summary(now));
        }
    }

    fn write_waiting(&mut self, events: &mut String) {
        let waiting = self.page.waiting();
        if waiting != std::mem::replace(&mut self.waiting, waiting) {
            write_event(events, "waiting", &waiting);
        }
    }

    fn write_unobserved(&mut self, events: &mut String) {
        let (total, all) = self.page.unobserved();
        if total != std::mem::replace(&mut self.unobserved, total) {
            let rows = all.iter().map(|it| UnobservedRow {
                method: &it.method,
                path: &it.path,
                requests: it.requests,
            });
            write_event(events, "unobserved", &rows.collect::<Vec<_>>());
        }
    }
}

/// The requests of one path that no format recognised.
#[derive(Serialize)]
struct UnobservedRow<'a> {
    method: &'a str,
    path: &'a str,
    requests: u64,
}

fn update(runs: &Runs, sent: u64, gone: Vec<u64>) -> RunsUpdate<'_> {
    let changed = || runs.iter().filter(|entry| entry.changed > sent);
    let is_reshaped = |entry: &&RunEntry| entry.reshaped > sent;
    RunsUpdate {
        now: since_1970(SystemTime::now()),
        runs: changed().filter(is_reshaped).map(|entry| &entry.row).collect(),
        grown: changed()
            .filter(|entry| !is_reshaped(entry))
            .map(|entry| (entry.row.number, entry.row.pieces))
            .collect(),
        gone,
        totals: &runs.totals,
        limit: RUNS,
    }
}

impl SelectedRun {
    fn write(&mut self, runs: &Runs, events: &mut String) {
        let Some(entry) = runs.get(self.id) else {
            if self.reshaped.is_none() {
                let update = DetailUpdate { id: self.id, kept: CONTENT, detail: None };
                write_event(events, "detail", &update);
                self.reshaped = Some(0);
            }
            return;
        };
        let parts = &entry.detail.answer.parts;
        if self.reshaped != Some(entry.reshaped) {
            let detail = Some(&entry.detail);
            write_event(events, "detail", &DetailUpdate { id: self.id, kept: CONTENT, detail });
            self.reshaped = Some(entry.reshaped);
            self.sent = parts.iter().map(|part| part.text.len()).collect();
            return;
        }
        let mut more = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            match self.sent.get_mut(at) {
                None => {
                    more.push(AnswerUpdate { part: Some(part), at, text: "" });
                    self.sent.push(part.text.len());
                }
                Some(sent) if *sent < part.text.len() => {
                    more.push(AnswerUpdate { part: None, at, text: &part.text[*sent..] });
                    *sent = part.text.len();
                }
                Some(_) => {}
            }
        }
        if !more.is_empty() {
            write_event(events, "more", &more);
        }
    }
}

/// Writes a server-sent event. JSON contains no line breaks, so it fits in one `data` line.
fn write_event(events: &mut String, name: &str, data: &impl Serialize) {
    let data = serde_json::to_string(data).unwrap_or_default();
    events.extend(["event: ", name, "\ndata: ", &data, "\n\n"]);
}
