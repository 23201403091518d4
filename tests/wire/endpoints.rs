//! Recorded answers of the endpoints of `fixtures/endpoints`, through the HTTP layer: what the record says is what an official
//! SDK read of them.

mod oracle;

use serde_json::Value;
use support::recordings::{folder, read_json};

use super::field::{Case, faults};

/// The folders whose files are checked.
const FOLDERS: [&str; 4] =
    ["bedrock-converse", "bedrock-converse-stream", "bedrock-invoke", "bedrock-invoke-stream"];

#[test]
fn recorded_endpoints_are_read_as_the_sdks_read_them() {
    let failed: Vec<_> = FOLDERS.into_iter().flat_map(endpoints).collect();
    assert!(failed.is_empty(), "{} files fail:\n\n{}", failed.len(), failed.join("\n\n"));
}

/// Checks all files of a folder. Returns what is wrong with each.
fn endpoints(name: &str) -> Vec<String> {
    let Some(folder) = folder() else { return vec![] };
    let folder = folder.join("endpoints");
    if !folder.is_dir() {
        println!("skipped: {} is missing", folder.display());
        return vec![];
    }
    let (index, oracle) =
        (read_json(&folder.join("index.json")), read_json(&folder.join("oracle.json")));
    let of_folder = |row: &&Value| {
        let file = row["file"].as_str().expect("a file");
        file.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))
    };
    let rows: Vec<_> = index.as_array().expect("rows").iter().filter(of_folder).collect();
    assert!(!rows.is_empty(), "no file of {name}");
    let runtime = support::Flavor::Current.runtime();
    let mut failed = Vec::new();
    for row in rows {
        let case = case(&folder, row, &oracle);
        let faults = runtime.block_on(faults(&case, oracle::unmet));
        if !faults.is_empty() {
            failed.push(format!("{} ({})\n    {}", case.name, case.why, faults.join("\n    ")));
        }
    }
    failed
}

fn case(folder: &std::path::Path, row: &Value, oracle: &Value) -> Case {
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    let file = text("file").expect("a file");
    let headers = row["response_headers"].as_object().into_iter().flatten();
    // The body comes in frames of its own here.
    let headers = headers.filter(|(name, _)| *name != "transfer-encoding");
    Case {
        why: text("note").unwrap_or_default(),
        method: text("method").expect("a method"),
        path: text("request_path").expect("a path"),
        request: text("request_body").unwrap_or_default().into(),
        status: row["status"].as_u64().and_then(|it| it.try_into().ok()).expect("a status"),
        content_type: text("content_type"),
        content_encoding: text("content_encoding"),
        headers: headers
            .map(|(name, value)| (name.clone(), value.as_str().expect("a header").to_owned()))
            .collect(),
        hold: false,
        body: std::fs::read(folder.join(&file)).expect("a body"),
        want: oracle[&file].clone(),
        name: file,
    }
}
