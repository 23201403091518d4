//! How answers are decoded.

use bytes::Bytes;
use futures::StreamExt;
use http::Response;
use http_body_util::Full;
use serde_json::json;
use tower_llm_callbacks::{
    Delta, LlmResult, Usage,
    chat::{ChatRequest, ModelError},
    model::openai::OpenAiApi,
};

use super::{
    APIS, MODEL, answered,
    bodies::{Endless, cut},
    config, exchange, hello, items, ok, text,
    transcripts::{begun, chat_chunk, chat_events, streamed, whole},
};

fn check(result: &LlmResult, api: OpenAiApi) {
    let (id, finish_reason) = match api {
        OpenAiApi::Responses => ("resp_1", "completed"),
        _ => ("chatcmpl-1", "tool_calls"),
    };
    let choice = &result.choices[0];
    assert_eq!(result.text(), "Let me look – é.");
    assert_eq!(result.response_id.as_deref(), Some(id));
    assert_eq!(result.model.as_deref(), Some(MODEL));
    assert_eq!(choice.reasoning, "Rain, or sun?");
    assert_eq!(choice.finish_reason.as_deref(), Some(finish_reason));
    let calls: Vec<_> = choice
        .tool_calls
        .iter()
        .map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str()))
        .collect();
    let expected = [("call_1", "get_weather", "{\"city\":\"Oslo\"}"), ("call_2", "get_time", "{}")];
    assert_eq!(calls, expected);
    assert_eq!(result.usage, Some(Usage::new(16, 9).cached(5, None).reasoning(4)));
}

#[tokio::test]
async fn streamed_and_unstreamed_answers_are_equal() {
    for api in APIS {
        let response = ok("text/event-stream; charset=utf-8", text(streamed(api)));
        let (chunks, error) = items(answered(api, response).await.unwrap()).await;
        assert!(error.is_none());
        assert_eq!(chunks.last(), Some(&Delta::Done));
        let texts: Vec<_> = chunks.iter().filter_map(Delta::content).collect();
        let begin = ["Rain, ", "or sun?", "Let me ", "look – é.", "", "{\"city\":", "\"Oslo\"}"];
        assert_eq!(texts[..7], begin, "{api:?}");
        assert_eq!(texts[7..].concat(), "{}");

        let stream = answered(api, ok("text/event-stream", text(streamed(api)))).await.unwrap();
        let mut streamed = stream.collect_result().await.unwrap();
        let stream = answered(api, ok("application/json", text(whole(api)))).await.unwrap();
        let whole = stream.collect_result().await.unwrap();
        check(&whole, api);
        assert_eq!((streamed.streamed, streamed.tokens), (true, texts.len() as u64));
        assert_eq!((whole.streamed, whole.tokens), (false, 0));
        (streamed.streamed, streamed.tokens) = (false, 0);
        assert_eq!(streamed, whole);
    }
}

#[tokio::test]
async fn frames_may_be_cut_anywhere_and_trailers_are_skipped() {
    for api in APIS {
        for (kind, body) in [("text/event-stream", streamed(api)), ("application/json", whole(api))]
        {
            let pieces = answered(api, ok(kind, cut(body.clone()))).await.unwrap();
            let uncut = answered(api, ok(kind, text(body))).await.unwrap();
            let (pieces, uncut) = (items(pieces).await, items(uncut).await);
            assert!(pieces.1.is_none() && uncut.1.is_none());
            assert_eq!(pieces.0, uncut.0);
        }
    }
}

#[tokio::test]
async fn the_response_determines_whether_it_is_streamed() {
    let is_whole = async |api, request: ChatRequest, response: Response<Full<Bytes>>| {
        let stream = exchange(config(api), request, response).await.0.unwrap();
        let result = stream.collect_result().await.unwrap();
        check(&result, api);
        !result.streamed
    };
    let plain = |body: String| Response::new(text(body));
    for api in APIS {
        let json = || ok("application/json; charset=utf-8", text(whole(api)));
        assert!(is_whole(api, hello(), json()).await);
        let events = ok("Text/Event-Stream", text(streamed(api)));
        assert!(!is_whole(api, hello().stream(false), events).await);
        // If the content type is wrong or missing, the body decides.
        for stream in [true, false] {
            let request = || hello().stream(stream);
            assert!(!is_whole(api, request(), plain(streamed(api))).await);
            assert!(is_whole(api, request(), plain(whole(api))).await);
            assert!(!is_whole(api, request(), ok("text/plain", text(streamed(api)))).await);
            assert!(!is_whole(api, request(), ok("application/json", text(streamed(api)))).await);
            assert!(is_whole(api, request(), ok("text/event-stream", text(whole(api)))).await);
        }
        // If its first byte is ambiguous too, the request decides.
        let numbered = plain(format!("id: 1\n{}", streamed(api)));
        assert!(!is_whole(api, hello(), numbered).await);
    }
}

#[tokio::test]
async fn an_answer_without_its_end_is_truncated() {
    for api in APIS {
        let stream = answered(api, ok("text/event-stream", text(begun(api)))).await.unwrap();
        let (chunks, error) = items(stream).await;
        assert_eq!(chunks.last(), Some(&Delta::text("Let me ")));
        assert!(matches!(error, Some(ModelError::Truncated)), "{error:?}");

        let half = whole(api);
        let half = text(half[..half.len() / 2].to_owned());
        let stream = answered(api, ok("application/json", half)).await.unwrap();
        let (chunks, error) = items(stream).await;
        assert_eq!(chunks, [Delta::DecodeFault]);
        assert!(matches!(error, Some(ModelError::Truncated)), "{error:?}");

        let stream = answered(api, ok("text/event-stream", text(""))).await.unwrap();
        let (chunks, error) = items(stream).await;
        assert!(chunks.is_empty() && matches!(error, Some(ModelError::Truncated)));
    }
}

#[tokio::test]
async fn the_last_event_may_lack_its_blank_line() {
    for api in APIS {
        let body = text(streamed(api).trim_end().to_owned());
        let stream = answered(api, ok("text/event-stream", body)).await.unwrap();
        let (chunks, error) = items(stream).await;
        assert_eq!(chunks.last(), Some(&Delta::Done));
        assert!(error.is_none());
    }
}

/// Not all servers send `[DONE]`.
#[tokio::test]
async fn a_finish_reason_is_an_end() {
    let body = chat_events(&[
        chat_chunk(&json!({"content": "Hi"}), None),
        chat_chunk(&json!({}), Some("stop")),
    ]);
    let body = text(body.replace("data: [DONE]\n\n", ""));
    let stream = answered(OpenAiApi::ChatCompletions, ok("text/event-stream", body)).await.unwrap();
    let result = stream.collect_result().await.unwrap();
    assert_eq!(result.text(), "Hi");
    assert_eq!(result.choices[0].finish_reason.as_deref(), Some("stop"));
}

#[tokio::test]
async fn choices_are_kept_apart() {
    let chunk = |index: u32, content: &str, finish_reason: Option<&str>| {
        let mut chunk = chat_chunk(&json!({"content": content}), finish_reason);
        chunk["choices"][0]["index"] = index.into();
        chunk
    };
    let body = chat_events(&[
        chunk(0, "Yes", None),
        chunk(1, "No", None),
        chunk(1, ".", Some("length")),
        chunk(0, "!", Some("stop")),
    ]);
    let response = ok("text/event-stream", text(body));
    let stream = answered(OpenAiApi::ChatCompletions, response).await.unwrap();
    let result = stream.collect_result().await.unwrap();
    let choices: Vec<_> = result
        .choices
        .iter()
        .map(|choice| (choice.text.as_str(), choice.finish_reason.as_deref()))
        .collect();
    assert_eq!(choices, [("Yes!", Some("stop")), ("No.", Some("length"))]);
}

#[tokio::test]
async fn undecodable_events_are_skipped() {
    for api in APIS {
        let body = format!("data: {{oh\n\n{}", streamed(api));
        let stream = answered(api, ok("text/event-stream", text(body))).await.unwrap();
        let (chunks, error) = items(stream).await;
        assert!(chunks.contains(&Delta::DecodeFault) && chunks.contains(&Delta::Done));
        assert!(error.is_none());
    }
}

#[tokio::test]
async fn the_end_mark_drops_the_body_and_ends_the_stream() {
    for api in APIS {
        let (body, dropped) = Endless::new(streamed(api) + &begun(api));
        let mut stream = answered(api, ok("text/event-stream", body)).await.unwrap();
        while stream.next().await.unwrap().unwrap() != Delta::Done {}
        assert!(dropped.get());
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn a_compressed_answer_is_refused_with_advice() {
    for api in APIS {
        let mut response = ok("text/event-stream", text(&b"\x1f\x8b"[..]));
        response.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        let error = answered(api, response).await.unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("decompress"));
    }
}
