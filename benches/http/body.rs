//! Bodies in memory.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};

/// Pieces of answers, escaped for JSON: words, punctuation and escape sequences.
const TEXTS: [&str; 12] = [
    " the", " quick", ",", " brown", " fox", "\\n\\n", " is", " 42", ".", " \\\"so", " über",
    " token",
];

/// A body whose frames are always ready.
#[derive(Clone)]
pub(crate) struct Frames {
    frames: Arc<[Bytes]>,
    next: usize,
}

impl Frames {
    fn new(frames: Vec<Bytes>) -> Self {
        Self { frames: frames.into(), next: 0 }
    }

    /// Puts each event in a frame.
    pub(crate) fn of_events(events: &[String]) -> Self {
        Self::new(events.iter().map(|event| Bytes::from(event.clone())).collect())
    }

    /// Splits the events into frames of 16 KiB at any position, as a fast connection delivers them.
    pub(crate) fn of_16_kib(events: &[String]) -> Self {
        Self::cut(&events.concat().into())
    }

    /// Splits bytes into frames of 16 KiB.
    pub(crate) fn cut(bytes: &Bytes) -> Self {
        Self::new(bytes.chunks(16 * 1024).map(|frame| bytes.slice_ref(frame)).collect())
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.frames.get(self.next).cloned();
        self.next += 1;
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }
}

/// Returns the events of an answer in Anthropic's format.
pub(crate) fn anthropic(tokens: usize) -> Vec<String> {
    let first = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\
                 \"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[],\
                 \"stop_reason\":null,\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n\
                 event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
                 \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
    let last = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
                event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\
                \"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":150}}\n\n\
                event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let tokens = (0..tokens).map(|token| anthropic_token(TEXTS[token % TEXTS.len()]));
    [first.to_owned()].into_iter().chain(tokens).chain([last.to_owned()]).collect()
}

pub(crate) fn anthropic_token(text: &str) -> String {
    format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
         \"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
    )
}

/// Returns the chunks of an answer in OpenAI's Chat Completions format, with the tokens of its choices in turn.
pub(crate) fn openai_chat(tokens: usize, choices: usize) -> Vec<String> {
    let chunk = |choices: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\
             \"chat.completion.chunk\",\"created\":1741569952,\"model\":\"gpt-5.4-2026-03-05\",\
             \"service_tier\":\"default\",\"system_fingerprint\":\"fp_44709d6fcb\",\
             \"choices\":[{choices}]}}\n\n"
        )
    };
    let first = chunk(
        "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\
         \"logprobs\":null,\"finish_reason\":null}",
    );
    let last = chunk("{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}");
    let tokens = (0..tokens).map(|token| {
        let (text, index) = (TEXTS[token % TEXTS.len()], token % choices);
        chunk(&format!(
            "{{\"index\":{index},\"delta\":{{\"content\":\"{text}\"}},\"logprobs\":null,\
             \"finish_reason\":null}}"
        ))
    });
    let ends = [last, "data: [DONE]\n\n".to_owned()];
    [first].into_iter().chain(tokens).chain(ends).collect()
}
