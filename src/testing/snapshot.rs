use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::Recorded;
use crate::event::{Data, EventData};

/// Members of payloads that differ from one run of a test to the next.
const TIMES: [&str; 2] = ["duration_ms", "time_to_first_token_ms"];

/// Returns events as JSON without ids and times.
pub(super) fn snapshot(events: &[Recorded]) -> Value {
    let mut numbers: HashMap<Uuid, usize> = HashMap::new();
    for event in events {
        let next = numbers.len() + 1;
        numbers.entry(event.run_id).or_insert(next);
    }
    let mut seen: Vec<Value> = Vec::new();
    for event in events {
        let run = numbers[&event.run_id];
        let kind = event.kind().as_str();
        if let EventData::LlmNewToken(token) = &event.data {
            match seen.last_mut() {
                Some(last) if last["run"] == run && last["event"] == kind => {
                    if let Some(tokens) = last["tokens"].as_array_mut() {
                        tokens.push(token.text().into());
                    }
                }
                _ => seen.push(json!({"run": run, "event": kind, "tokens": [token.text()]})),
            }
            continue;
        }
        let mut data = serde_json::to_value(Data(&event.data)).unwrap_or_default();
        cover(&mut data, &numbers);
        let mut shown = json!({"run": run, "event": kind, "data": data});
        if event.kind().is_start() {
            shown["name"] = event.name.as_str().into();
            if let Some(parent) = event.parent_run_id {
                shown["parent"] = numbers.get(&parent).copied().into();
            }
            if event.attempt > 1 {
                shown["attempt"] = event.attempt.into();
            }
            if !event.tags.is_empty() {
                shown["tags"] = json!(event.tags);
            }
            if !event.metadata.is_empty() {
                shown["metadata"] = json!(event.metadata);
            }
        }
        seen.push(shown);
    }
    seen.into()
}

/// Removes times, and replaces the ids of runs by their numbers.
fn cover(value: &mut Value, numbers: &HashMap<Uuid, usize>) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !TIMES.contains(&name.as_str()));
            members.values_mut().for_each(|value| cover(value, numbers));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| cover(value, numbers)),
        Value::String(text) => {
            let number = Uuid::try_parse(text).ok().and_then(|id| numbers.get(&id));
            if let Some(number) = number {
                *value = (*number).into();
            }
        }
        _ => {}
    }
}
