//! Prints what calls cost: one JSON object a line in, one amount or `null` a line out. `compare.py` drives it.

use std::{
    io::{self, BufRead, Write},
    time::{Duration, UNIX_EPOCH},
};

use serde_json::Value;
use tower_llm_callbacks::{
    Usage,
    event::{PriceSource, PricedCall},
    handlers::Prices,
};

fn main() -> io::Result<()> {
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
