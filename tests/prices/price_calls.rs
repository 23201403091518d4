//! Prints what calls cost: one JSON object a line in, one amount or `null` a line out. `compare.py` drives it.
//!
//! With the argument `recordings`, it plays the recorded calls through the HTTP layer instead, and prints the records of
//! their ends.

use std::{
    env,
    io::{self, BufRead, Write},
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::recordings;
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Callbacks, HttpCallbackLayer, Usage,
    event::{EventData, PriceSource, PricedCall},
    handlers::Prices,
    on_event,
};

fn main() -> Result<(), BoxError> {
    match env::args().nth(1).as_deref() {
        Some("recordings") => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(played())
        }
        _ => Ok(priced()?),
    }
}

/// Plays the recorded answers that were complete. Prints the record of each call that has completed.
async fn played() -> Result<(), BoxError> {
    let Some(folder) = recordings::folder() else { return Ok(()) };
    for recording in recordings::read_json(&folder.join("index.json")).as_array().unwrap() {
        let text = |name: &str| recording[name].as_str();
        let (Some(url), Some(prompt), Some(file)) =
            (text("request_url"), text("request_body"), text("file"))
        else {
            continue;
        };
        if recording["status"] != 200 || recording["content_encoding"].is_string() {
            continue;
        }
        let records = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&records);
        let handler = on_event(move |run, event| {
            if let EventData::LlmEnd(_) = event.data() {
                let record = serde_json::to_value(event.record(run)).expect("a record is JSON");
                keep.lock().unwrap().push(record);
            }
        });
        let layer = HttpCallbackLayer::new(Callbacks::new().inline(handler));
        let body = std::fs::read(folder.join(file))?;
        let content_type = text("content_type").unwrap_or("text/event-stream").to_owned();
        let server = service_fn(move |_| {
            let response = Response::builder().header("content-type", &content_type);
            std::future::ready(response.body(Full::<Bytes>::from(body.clone())))
        });
        let request = Request::post(url).body(Full::<Bytes>::from(prompt.to_owned()))?;
        let response = layer.prices(Prices::bundled()).layer(server).oneshot(request).await?;
        response.into_body().collect().await?;
        for record in records.lock().unwrap().drain(..) {
            println!("{}", json!({"file": file, "url": url, "record": record}));
        }
    }
    Ok(())
}

fn priced() -> io::Result<()> {
    let prices = Prices::bundled();
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let row: Value = serde_json::from_str(&line?)?;
        let count = |name: &str| row[name].as_u64();
        let mut usage = Usage::new(count("input"), count("output"));
        usage = usage.cached(count("read"), count("write")).reasoning(count("reasoning"));
        if let Some(tokens) = count("write_1h") {
            usage.cache_writes.insert("1h".into(), tokens);
        }
        for (name, count) in row["details"].as_object().into_iter().flatten() {
            usage.details.insert(name.as_str().into(), count.as_u64().unwrap_or(0));
        }
        usage.service_tier = row["tier"].as_str().map(Into::into);
        let provider = row["provider"].as_str().unwrap_or("");
        let mut call = PricedCall::new(provider, row["model"].as_str(), &usage);
        call.url = row["url"].as_str();
        call.api = row["api"].as_str().unwrap_or("");
        call.usage_raw = Some(&row["raw"]).filter(|raw| raw.is_object());
        call.time = UNIX_EPOCH + Duration::from_secs(count("time").unwrap_or(0));
        match prices.price_of(&call) {
            Some(price) => writeln!(out, "\"{}\"", price.amount)?,
            None => writeln!(out, "null")?,
        }
    }
    out.flush()
}
