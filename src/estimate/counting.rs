use super::AnswerCount;

/// Counts an answer while it arrives, of which calls may be repeated piece by piece.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counting {
    pub(crate) count: AnswerCount,
    /// The tool call that was opened last, and its choice.
    call: Option<(u32, u32)>,
}

impl Counting {
    /// Adds a piece of a tool call, with its name if that is known. A provider may repeat the name.
    pub(crate) fn tool_call(&mut self, call: (u32, u32), name: Option<&str>, arguments: &str) {
        if let Some(name) = name
            && self.call != Some(call)
        {
            self.call = Some(call);
            self.count.tool_call(name);
        }
        self.count.arguments(arguments);
    }
}
