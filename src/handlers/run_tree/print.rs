use std::{fmt, time::Duration};

use super::RunTree;
use crate::event::{EventData, LlmResult};

/// Writes the tree, one line for each run:
///
/// ```text
/// agent (chain) 1.24 s
/// ├─ plan (llm) 612 ms, 21 → 34 tokens, tool_calls
/// ├─ get_weather (tool) 12 ms
/// └─ answer (llm) 580 ms, cancelled: the call was dropped before its end
/// ```
impl fmt::Display for RunTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self, &mut String::new(), f)
    }
}

fn print(tree: &RunTree, indent: &mut String, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    line(tree, f)?;
    let last = tree.children.len().wrapping_sub(1);
    for (index, child) in tree.children.iter().enumerate() {
        let (branch, below) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        write!(f, "\n{indent}{branch}")?;
        let length = indent.len();
        indent.push_str(below);
        print(child, indent, f)?;
        indent.truncate(length);
    }
    Ok(())
}

fn line(tree: &RunTree, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{} ({})", plain(&tree.name), tree.run_type)?;
    if tree.attempt > 1 {
        write!(f, " attempt {}", tree.attempt)?;
    }
    match tree.duration {
        Some(duration) => write!(f, " {}", Time(duration))?,
        None => f.write_str(" not ended")?,
    }
    if let Some(result) = tree.result() {
        counts(result, f)?;
    }
    if let Some(error) = tree.error() {
        write!(f, ", {}: {}", error.kind(), plain(error.message()))?;
    }
    for event in &tree.events {
        if let EventData::Custom(event) = &event.data {
            write!(f, " [{}]", plain(&event.name))?;
        }
    }
    Ok(())
}

fn counts(result: &LlmResult, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match &result.usage {
        Some(usage) => write!(f, ", {usage}")?,
        None if result.cached => f.write_str(", cached")?,
        None if result.tokens > 0 => write!(f, ", {} pieces", result.tokens)?,
        None => {}
    }
    if let Some(outputs) = result.outputs {
        write!(f, ", {outputs} outputs")?;
    }
    match result.choices.first().and_then(|choice| choice.finish_reason.as_deref()) {
        Some(reason) => write!(f, ", {}", plain(reason)),
        None => Ok(()),
    }
}

/// Replaces control characters: names and messages are untrusted input.
fn plain(text: &str) -> String {
    text.chars().map(|c| if is_control(c) { ' ' } else { c }).collect()
}

/// Returns whether a terminal acts on a character: controls, line separators and changes of the writing direction.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A duration with about three digits.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds >= 1.0 {
            write!(f, "{seconds:.2} s")
        } else if seconds >= 1e-3 {
            write!(f, "{:.0} ms", seconds * 1e3)
        } else {
            write!(f, "{:.0} µs", seconds * 1e6)
        }
    }
}
