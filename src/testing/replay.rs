use std::{borrow::Cow, collections::HashMap, sync::Arc, time::SystemTime};

use uuid::Uuid;

use super::Script;
use crate::{
    chat::ChatChunk,
    event::{
        Delta, ErrorKind, EventData, EventRecord, InvalidRecord, LlmResult, ProviderError,
        RunError, Token, TokenKind, Usage, UsageSource,
    },
};

/// A recorded call of a model, as a script.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Replayed {
    /// The record of the call's start.
    pub start: EventRecord,
    /// What the model answered, with the pauses between its tokens.
    pub script: Script,
}

/// Reads event records, one a line, as [`JsonLines`](crate::handlers::JsonLines) writes them, and returns the calls of
/// models among them, in the order of their starts. Calls that did not end are left out.
///
/// The scripts are for a [`ScriptedModel`](super::ScriptedModel), or for an upstream that answers as recorded
/// ([`ScriptedHttp`](super::ScriptedHttp)). Records without content have no text to play. A call that failed fails again, in
/// the same way: by an error of the provider, in transport, or without the end mark. One that was cancelled or aborted ends
/// without the end mark too.
///
/// # Errors
///
/// Returns the number of the first line that is not an event record, and why. Blank lines are skipped.
///
/// ```
/// use tower_llm_callbacks::testing::{ScriptedModel, replay};
///
/// # fn replayed(lines: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let calls = replay(lines).map_err(|(line, error)| format!("line {line}: {error}"))?;
/// let model = ScriptedModel::new(calls.into_iter().map(|call| call.script).collect::<Vec<_>>());
/// # let _ = model;
/// # Ok(()) }
/// # replayed("").unwrap();
/// ```
pub fn replay(lines: &str) -> Result<Vec<Replayed>, (usize, InvalidRecord)> {
    let mut open: HashMap<Uuid, Call> = HashMap::new();
    let mut calls: Vec<(SystemTime, Replayed)> = Vec::new();
    for (number, line) in lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let record = EventRecord::from_json(line.as_bytes());
        let record = record.map_err(|error| (number + 1, error))?;
        match &record.data {
            EventData::LlmStart(_) => {
                open.insert(record.run_id, Call::new(record));
            }
            EventData::LlmNewToken(token) => {
                if let Some(call) = open.get_mut(&record.run_id) {
                    call.token(token, record.time);
                }
            }
            EventData::LlmEnd(result) => {
                let call = open.remove(&record.run_id);
                calls.extend(call.map(|call| call.end(result, record.time)));
            }
            EventData::LlmError(error) => {
                let call = open.remove(&record.run_id);
                calls.extend(call.map(|call| call.fail(error, record.time)));
            }
            _ => {}
        }
    }
    calls.sort_by_key(|(time, _)| *time);
    Ok(calls.into_iter().map(|(_, call)| call).collect())
}

/// Returns the counts that the provider reported. An estimate is no part of the answer.
fn reported(usage: &Usage) -> Option<Usage> {
    let is = |source| source == Some(UsageSource::Reported);
    let (input, output) = (is(usage.source.input), is(usage.source.output));
    let mut reported = usage.clone();
    if !input || !output {
        reported.total_tokens = None;
    }
    reported.input_tokens = usage.input_tokens.filter(|_| input);
    reported.output_tokens = usage.output_tokens.filter(|_| output);
    (input || output).then_some(reported)
}

/// A call that has not ended.
struct Call {
    start: EventRecord,
    script: Script,
    /// When the last event happened.
    last: SystemTime,
    tokens: usize,
    /// The names of the tool calls that were opened, by choice and index.
    opened: HashMap<(u32, u32), Arc<str>>,
}

impl Call {
    fn new(start: EventRecord) -> Self {
        let last = start.time;
        Self { start, script: Script::new(), last, tokens: 0, opened: HashMap::new() }
    }

    fn wait(&mut self, until: SystemTime) {
        let pause = until.duration_since(self.last).unwrap_or_default();
        self.last = until;
        if !pause.is_zero() {
            self.script = std::mem::take(&mut self.script).pause(pause);
        }
        if self.tokens == 0 {
            self.script = std::mem::take(&mut self.script).respond();
        }
    }

    fn chunk(&mut self, chunk: ChatChunk) {
        self.script = std::mem::take(&mut self.script).chunk(chunk);
    }

    fn token(&mut self, token: &Token, time: SystemTime) {
        self.wait(time);
        self.tokens += 1;
        let (choice, text) = (token.choice(), token.text().to_owned().into());
        let chunk = match token.kind() {
            TokenKind::Text => Delta::Text { choice, text },
            TokenKind::Reasoning => Delta::Reasoning { choice, text },
            TokenKind::Refusal => Delta::Refusal { choice, text },
            TokenKind::ToolCall => {
                let call = token.tool_call();
                let index = call.map_or(0, |call| call.index);
                let named = self.opened.get(&(choice, index));
                let id = call.filter(|_| named.is_none()).map(|call| owned(&call.id));
                // The name, or the rest of it, may come later.
                let name = call.map(|call| &call.name).filter(|name| named != Some(name));
                let new = name.map(|name| ((choice, index), Arc::clone(name)));
                let name = name.map(owned);
                self.opened.extend(new);
                Delta::ToolCall { choice, index, id, name, arguments: text }
            }
        };
        self.chunk(chunk);
    }

    fn end(mut self, result: &LlmResult, time: SystemTime) -> (SystemTime, Replayed) {
        self.wait(time);
        let (id, model) =
            (result.response_id.as_ref().map(owned), result.model.as_ref().map(owned));
        if id.is_some() || model.is_some() {
            self.chunk(Delta::Response { id, model });
        }
        if !result.streamed {
            self.chunk(Delta::NotStreamed);
            for choice in &result.choices {
                let index = choice.index;
                let texts = [
                    Delta::Reasoning { choice: index, text: choice.reasoning.clone().into() },
                    Delta::Text { choice: index, text: choice.text.clone().into() },
                    Delta::Refusal { choice: index, text: choice.refusal.clone().into() },
                ];
                texts.into_iter().for_each(|text| self.chunk(text));
                for (number, call) in (0..).zip(&choice.tool_calls) {
                    self.chunk(Delta::ToolCall {
                        choice: index,
                        index: number,
                        id: Some(call.id.clone().into()),
                        name: Some(call.name.clone().into()),
                        arguments: call.arguments.clone().into(),
                    });
                }
            }
        }
        for choice in &result.choices {
            if let Some(reason) = &choice.finish_reason {
                self.chunk(Delta::Finish { choice: choice.index, reason: owned(reason) });
            }
        }
        if let Some(usage) = result.usage.as_ref().and_then(reported) {
            self.chunk(Delta::Usage { usage, raw: result.usage_raw.clone().map(Cow::Owned) });
        }
        self.chunk(Delta::Done);
        (self.start.time, Replayed { start: self.start, script: self.script })
    }

    fn fail(mut self, error: &RunError, time: SystemTime) -> (SystemTime, Replayed) {
        let pause = time.duration_since(self.last).unwrap_or_default();
        let script = self.script.pause(pause);
        let script = match error.kind() {
            ErrorKind::Provider => {
                let mut provider = ProviderError::new(error.message());
                provider.status = error.status();
                provider.code = error.provider_code().map(Into::into);
                provider.retry_after = error.retry_after();
                script.provider_error(provider)
            }
            // It is not known how the model would have gone on.
            ErrorKind::Truncated | ErrorKind::Cancelled | ErrorKind::Aborted => script,
            _ => script.fail(error.message()),
        };
        self.script = if self.tokens == 0 { script.respond() } else { script };
        (self.start.time, Replayed { start: self.start, script: self.script })
    }
}

fn owned(text: &Arc<str>) -> Cow<'static, str> {
    text.to_string().into()
}
