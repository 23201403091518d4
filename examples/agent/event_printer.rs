//! Prints events as they arrive, indented below their parent run.

use std::io::{self, Write, stdout};

use tower_llm_callbacks::{Event, EventData, RunType, TokenKind, handlers::RunEvent};
use uuid::Uuid;

/// Prints events to standard output.
#[derive(Default)]
pub(crate) struct EventPrinter {
    /// The run whose tokens are on the last line: further tokens continue the line.
    tokens_of: Option<Uuid>,
}

impl EventPrinter {
    pub(crate) fn print(&mut self, event: &RunEvent) -> io::Result<()> {
        let mut out = stdout().lock();
        let run = event.run();
        let indent = "  ".repeat(event.parent_ids().len());
        if let EventData::LlmNewToken(token) = event.data() {
            if self.tokens_of != Some(run.run_id()) {
                self.end_line(&mut out)?;
                write!(out, "{indent}  ")?;
                self.tokens_of = Some(run.run_id());
            }
            match token.kind() {
                TokenKind::ToolCall if token.text().is_empty() => {
                    let name = token.tool_call().map_or("", |call| &call.name);
                    write!(out, " → {name} ")?;
                }
                _ => write!(out, "{}", token.text().replace('\n', " "))?,
            }
            return out.flush();
        }
        self.end_line(&mut out)?;
        let (name, kind) = (run.name(), event.kind());
        writeln!(out, "{indent}{name} {kind}{}", details(event.event()))
    }

    fn end_line(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.tokens_of.take().is_some() { writeln!(out) } else { Ok(()) }
    }
}

fn details(event: &Event) -> String {
    match event.data() {
        EventData::RunStart(RunType::Chain, input) | EventData::RunStart(RunType::Tool, input) => {
            input.input.as_ref().map(|input| format!(" {input}")).unwrap_or_default()
        }
        EventData::RunEnd(RunType::Tool, output) => {
            output.output.as_ref().map(|output| format!(" {output}")).unwrap_or_default()
        }
        EventData::LlmEnd(result) => match &result.usage {
            Some(usage) => format!(" {usage}"),
            None => String::new(),
        },
        EventData::LlmError(error)
        | EventData::RunError(RunType::Chain, error)
        | EventData::RunError(RunType::Tool, error) => {
            format!(" {error}")
        }
        EventData::Custom(event) => format!(" {} {}", event.name, event.value),
        _ => String::new(),
    }
}
