//! The files of a case.

use std::{fs, path::Path};

use serde_json::Value;
use support::recordings::{folder, read_json};

/// A request and its answer.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) why: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) request: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    /// More headers of the answer.
    pub(crate) headers: Vec<(String, String)>,
    /// The upstream stays open after its last byte, and the client hangs up.
    pub(crate) hold: bool,
    pub(crate) body: Vec<u8>,
    pub(crate) want: Value,
    /// The request is a call.
    pub(crate) observed: bool,
}

impl Case {
    /// Returns all cases, or `None` without the folder beside the repository.
    pub(crate) fn all() -> Option<Vec<Self>> {
        let folder = folder()?.join("field");
        let Ok(entries) = fs::read_dir(&folder) else {
            assert!(
                std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                "the field cases are missing: {}",
                folder.display()
            );
            println!("skipped: the field cases are missing: {}", folder.display());
            return None;
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<_> =
            names.filter_map(|name| name.strip_suffix(".req.json").map(str::to_owned)).collect();
        names.sort();
        Some(names.into_iter().map(|name| Self::read(&folder, name)).collect())
    }

    fn read(folder: &Path, name: String) -> Self {
        let json = read_json(&folder.join(format!("{name}.req.json")));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let must = |value: &Value, key: &str| {
            text(value).unwrap_or_else(|| panic!("{name}: `{key}` is no text: {value}"))
        };
        let answer = &json["answer"];
        let known = ["status", "content-type", "content-encoding", "file", "mode"];
        let mut keys = answer.as_object().into_iter().flat_map(|all| all.keys());
        if let Some(key) = keys.find(|key| !known.contains(&key.as_str())) {
            panic!("{name}: this test does not know `answer.{key}`");
        }
        let hold = match answer["mode"].as_str() {
            None => false,
            Some("hold") => true,
            Some(other) => panic!("{name}: this test does not know the mode {other}"),
        };
        let file = folder.join(must(&answer["file"], "answer.file"));
        Self {
            why: must(&json["why"], "why"),
            method: must(&json["method"], "method"),
            path: must(&json["path"], "path"),
            request: if json["body"].is_null() { vec![] } else { json["body"].to_string().into() },
            status: answer["status"].as_u64().and_then(|it| it.try_into().ok()).unwrap_or_else(
                || panic!("{name}: `answer.status` is no status: {}", answer["status"]),
            ),
            content_type: text(&answer["content-type"]),
            content_encoding: text(&answer["content-encoding"]),
            headers: Vec::new(),
            hold,
            body: fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())),
            want: json["want"].clone(),
            observed: true,
            name,
        }
    }
}
