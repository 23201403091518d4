//! Recorded streams, cut anywhere: no run has unknown usage, or none, where text was delivered.

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use support::{
    http::{Scripted, event_stream},
    recordings,
};
use tower_llm_callbacks::LlmResult;

use super::{Results, call};

/// Whether any content of the answer was read.
fn has_content(result: &LlmResult) -> bool {
    result.choices.iter().any(|choice| {
        let texts = [&choice.text, &choice.reasoning, &choice.refusal];
        texts.iter().any(|text| !text.trim().is_empty()) || !choice.tool_calls.is_empty()
    })
}

#[tokio::test]
async fn no_cut_of_a_recording_leaves_delivered_text_without_usage() {
    let Some(folder) = recordings::folder() else { return };
    let index = recordings::read_json(&folder.join("index.json"));
    let (mut cuts, mut runs) = (0, 0);
    for recording in index.as_array().unwrap() {
        let text = |name: &str| recording[name].as_str();
        let (Some(url), Some(prompt), Some(file)) =
            (text("request_url"), text("request_body"), text("file"))
        else {
            continue;
        };
        if recording["status"] != 200 || recording["content_encoding"].is_string() {
            continue;
        }
        let target = url.parse::<Uri>().unwrap().path_and_query().unwrap().to_string();
        let body = std::fs::read(folder.join(file)).unwrap();
        let step = (body.len() / 40).max(1);
        for end in (0..=body.len()).step_by(step) {
            let results = Results::default();
            let request = Request::post(&target).body(Full::from(prompt.to_owned())).unwrap();
            let frames = Scripted::chunks([Bytes::copy_from_slice(&body[..end])]);
            let mut answer = event_stream(frames);
            if let Some(content_type) = text("content_type") {
                let headers = answer.headers_mut();
                headers.insert("content-type", content_type.parse().unwrap());
            }
            call(&results.layer(), request, answer, 1).await;
            let Some(result) = results.0.lock().unwrap().pop() else { break };
            runs += 1;
            if !has_content(&result) {
                continue;
            }
            cuts += 1;
            let usage = result.usage.as_ref();
            let known = |count: Option<u64>| count.is_some_and(|count| count > 0);
            let place = format!("{file}, {end} of {} bytes: {result:#?}", body.len());
            assert!(usage.is_some_and(|usage| known(usage.output_tokens)), "{place}");
            assert!(usage.is_some_and(|usage| known(usage.input_tokens)), "{place}");
        }
    }
    assert!(cuts > 300 && runs > cuts, "{cuts} cuts, {runs} runs");
}
