use std::{fmt::Write, time::Duration};

use super::{ConsoleTarget, clean, style::Styles};
use crate::{
    event::{Event, EventData, LlmResult, RunError},
    handler::{CallbackHandler, EventMask},
    run::Run,
};

/// A handler that writes a readable log: one line for each start, end, error, retry and custom event, indented by the
/// depth of the run.
///
/// ```text
/// agent started (chain)
///   model started (llm) claude-haiku-4-5
///   model ended after 612 ms, 21 → 34 tokens, tool_calls
///   get_weather started (tool)
///   get_weather failed after 12 ms: transport: the station does not answer
/// ```
///
/// Error messages and names of custom events are shown; other content only up to the limit set by
/// [`content`](Self::content). Add it as a blocking handler. It keeps no state.
#[derive(Debug)]
pub struct ConsoleLog {
    target: ConsoleTarget,
    content: usize,
}

impl ConsoleLog {
    /// Creates a log on standard error.
    pub fn stderr() -> Self {
        Self::new(ConsoleTarget::stderr())
    }

    /// Creates a log on a target.
    pub fn new(target: ConsoleTarget) -> Self {
        Self { target, content: 0 }
    }

    /// Sets how many characters of each prompt, answer, input and output are shown; the default is 0.
    #[must_use]
    pub fn content(mut self, characters: usize) -> Self {
        self.content = characters;
        self
    }

    fn line(&self, run: &Run, event: &Event) -> String {
        let styles = Styles::new(self.target.has_colours());
        let mut line = "  ".repeat(run.parent_ids().len().min(40));
        let name = clean::line(run.name());
        let _ = write!(line, "{} ", styles.name(name));
        let _ = match event.data() {
            EventData::LlmStart(start) | EventData::ModelStart(_, start) => {
                let model = start.model.as_deref().unwrap_or_default();
                let _ = write!(line, "started {}", styles.dim(format!("({})", run.run_type())));
                if run.attempt() > 1 {
                    let _ = write!(line, " attempt {}", run.attempt());
                }
                let _ = write!(line, " {}", clean::line(model));
                let messages = start.messages.get().filter(|_| self.content > 0);
                self.shown(&mut line, messages.map(ToString::to_string).as_deref())
            }
            EventData::RunStart(_, input) => {
                let _ = write!(line, "started {}", styles.dim(format!("({})", run.run_type())));
                let input = input.input.as_ref().filter(|_| self.content > 0);
                self.shown(&mut line, input.map(ToString::to_string).as_deref())
            }
            EventData::LlmEnd(result) | EventData::ModelEnd(_, result) => {
                ended(&mut line, styles, result.duration);
                counts(&mut line, result);
                self.shown(&mut line, Some(result.text()))
            }
            EventData::RunEnd(_, output) => {
                ended(&mut line, styles, output.duration);
                let output = output.output.as_ref().filter(|_| self.content > 0);
                self.shown(&mut line, output.map(ToString::to_string).as_deref())
            }
            EventData::LlmError(error) | EventData::ModelError(_, error) => {
                failed(&mut line, styles, error);
                if let Some(result) = error.result() {
                    counts(&mut line, result);
                }
                self.shown(&mut line, error.result().map(LlmResult::text))
            }
            EventData::RunError(_, error) => {
                failed(&mut line, styles, error);
                Ok(())
            }
            EventData::Retry(retry) => {
                let error = clean::line(&retry.error);
                write!(line, "{} {}: {error}", styles.bad("retries as attempt"), retry.attempt)
            }
            EventData::Custom(event) => {
                let _ = write!(line, "emitted {}", clean::line(&event.name));
                let value = Some(&event.value).filter(|_| self.content > 0);
                self.shown(&mut line, value.map(ToString::to_string).as_deref())
            }
            other => write!(line, "{}", other.kind()),
        };
        line.push('\n');
        line
    }

    fn shown(&self, line: &mut String, content: Option<&str>) -> std::fmt::Result {
        let content = content.unwrap_or_default();
        if self.content == 0 || content.is_empty() {
            return Ok(());
        }
        let mut shown: String = content.chars().take(self.content).collect();
        if shown.len() < content.len() {
            shown.push('…');
        }
        write!(line, " {}", clean::line(&shown))
    }
}

impl CallbackHandler for ConsoleLog {
    fn event_mask(&self) -> EventMask {
        EventMask::ALL - EventMask::LLM_NEW_TOKEN - EventMask::TOKEN_TIMES
    }

    fn on_event(&self, run: &Run, event: &Event) {
        self.target.write(&self.line(run, event));
    }
}

fn ended(line: &mut String, styles: Styles, duration: Duration) {
    let _ = write!(line, "{} after {}", styles.good("ended"), time(duration));
}

fn failed(line: &mut String, styles: Styles, error: &RunError) {
    let duration = time(error.duration());
    let message = clean::line(error.message());
    let _ = write!(line, "{} after {duration}: {}: {message}", styles.bad("failed"), error.kind());
}

fn counts(line: &mut String, result: &LlmResult) {
    if let Some(usage) = &result.usage {
        let _ = write!(line, ", {usage}");
    } else if result.cached {
        line.push_str(", cached");
    }
    if let Some(reason) = result.choices.first().and_then(|choice| choice.finish_reason.as_deref())
    {
        let _ = write!(line, ", {}", clean::line(reason));
    }
}

fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 1.0 { format!("{seconds:.2} s") } else { format!("{:.0} ms", seconds * 1e3) }
}
