use std::mem;

use serde_json::Value;

use super::{Block, ToolCall};

/// The order in which the content of a choice came, and what belongs to it beside the content.
///
/// Empty if the content is of one kind only, as in most answers, which then cost no allocation. Not part of the form in
/// records.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout(Vec<Segment>);

/// What was added last, and before.
#[derive(Debug, Clone, Default)]
pub(super) struct LayoutBuilder {
    before: Vec<Segment>,
    last: Option<Segment>,
}

/// The most segments that are noted. Of an answer with more the order is not known.
const MOST: usize = 64 * 1024;

/// A run of content of one kind, by its length in bytes, or what is between two.
#[derive(Debug, Clone)]
enum Segment {
    Text(usize),
    Reasoning(usize, Option<Box<str>>),
    Refusal(usize),
    /// By its index, in the end by its position.
    ToolCall(u32),
    Native(Box<Native>),
    /// What comes next belongs to another block.
    Boundary,
}

/// The content of a choice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contents<'a> {
    pub(super) text: &'a str,
    pub(super) reasoning: &'a str,
    pub(super) refusal: &'a str,
    pub(super) tool_calls: &'a [ToolCall],
}

#[derive(Debug, Clone)]
pub(super) struct Native {
    pub(super) api: Box<str>,
    pub(super) value: Value,
    /// Whether it is another form of the content before it.
    pub(super) covers: bool,
    /// Where in the value the text of that content belongs.
    pub(super) text_at: Option<Box<str>>,
}

/// The order says nothing about the content, and records do not have it.
impl PartialEq for Layout {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Layout {}

impl LayoutBuilder {
    #[inline]
    pub(super) fn text(&mut self, bytes: usize) {
        match &mut self.last {
            Some(Segment::Text(length)) => *length += bytes,
            _ => self.push(Segment::Text(bytes)),
        }
    }

    #[inline]
    pub(super) fn reasoning(&mut self, bytes: usize) {
        match &mut self.last {
            Some(Segment::Reasoning(length, None)) => *length += bytes,
            _ => self.push(Segment::Reasoning(bytes, None)),
        }
    }

    pub(super) fn refusal(&mut self, bytes: usize) {
        match &mut self.last {
            Some(Segment::Refusal(length)) => *length += bytes,
            _ => self.push(Segment::Refusal(bytes)),
        }
    }

    /// Notes the first piece of the tool call with an index.
    pub(super) fn tool_call(&mut self, index: u32) {
        self.push(Segment::ToolCall(index));
    }

    /// Signs the reasoning before.
    pub(super) fn signature(&mut self, text: &str) {
        match &mut self.last {
            Some(Segment::Reasoning(_, signature @ None)) => *signature = Some(text.into()),
            _ => self.push(Segment::Reasoning(0, Some(text.into()))),
        }
    }

    pub(super) fn native(&mut self, native: Native) {
        self.push(Segment::Native(Box::new(native)));
    }

    pub(super) fn boundary(&mut self) {
        if self.last.is_some() {
            self.push(Segment::Boundary);
        }
    }

    fn push(&mut self, segment: Segment) {
        if self.before.len() < MOST {
            self.before.extend(self.last.replace(segment));
        }
    }

    /// Returns the layout of a choice. `calls` are the indices of its calls, the lowest first.
    pub(super) fn finish(self, contents: Contents<'_>, calls: &[u32]) -> Layout {
        let Self { mut before, last } = self;
        match last {
            Some(Segment::Text(_) | Segment::Reasoning(_, None) | Segment::Refusal(_))
                if before.is_empty() =>
            {
                return Layout::default();
            }
            last => before.extend(last),
        }
        for segment in &mut before {
            if let Segment::ToolCall(index) = segment {
                let at = calls.binary_search(index).ok();
                *index = at.and_then(|at| u32::try_from(at).ok()).unwrap_or(u32::MAX);
            }
        }
        let mut layout = Layout(before);
        layout.fill(contents);
        layout
    }
}

impl Layout {
    /// Puts the text of the content that native parts cover into them.
    fn fill(&mut self, contents: Contents<'_>) {
        let mut texts = Texts::default();
        let mut covered = String::new();
        let mut last = None;
        for segment in &mut self.0 {
            if last.replace(mem::discriminant(segment)) != Some(mem::discriminant(segment))
                && !matches!(segment, Segment::Native(_))
            {
                covered.clear();
            }
            match segment {
                Segment::Boundary => {}
                Segment::Native(native) => {
                    let place = native.text_at.as_deref();
                    let place = place.filter(|_| native.covers);
                    if let Some(place) = place.and_then(|at| native.value.pointer_mut(at)) {
                        *place = mem::take(&mut covered).into();
                    }
                    covered.clear();
                }
                segment => covered.push_str(texts.next(segment, contents).unwrap_or_default()),
            }
        }
    }

    /// Returns the blocks; `None` if the texts of the choice are others than those that were added.
    pub(super) fn blocks<'a>(&'a self, contents: Contents<'a>) -> Option<Vec<Block<'a>>> {
        if self.0.is_empty() {
            return None;
        }
        let mut texts = Texts::default();
        let mut blocks: Vec<Block<'a>> = Vec::with_capacity(self.0.len());
        // The first block that the next native part may cover.
        let mut open = 0;
        for segment in &self.0 {
            match segment {
                Segment::Boundary => open = blocks.len(),
                Segment::Native(native) => {
                    let covers = if native.covers { covered(&blocks[open..]) } else { 0 };
                    blocks.push(Block::Native { api: &native.api, value: &native.value, covers });
                    open = blocks.len();
                }
                Segment::ToolCall(at) => {
                    let at = usize::try_from(*at).ok()?;
                    blocks.push(Block::ToolCall(contents.tool_calls.get(at)?));
                }
                segment => {
                    let text = texts.next(segment, contents)?;
                    blocks.push(match segment {
                        Segment::Reasoning(_, signature) => {
                            Block::Reasoning { text, signature: signature.as_deref() }
                        }
                        Segment::Refusal(_) => Block::Refusal(text),
                        _ => Block::Text(text),
                    });
                }
            }
        }
        let calls = blocks.iter().filter(|block| matches!(block, Block::ToolCall(_))).count();
        (texts.are_whole(contents) && calls == contents.tool_calls.len()).then_some(blocks)
    }
}

/// Returns how many blocks a native part covers of those before it: the last ones of a kind, but one call only.
fn covered(before: &[Block<'_>]) -> usize {
    let Some(last) = before.last() else { return 0 };
    let alike = |block: &&Block<'_>| mem::discriminant(*block) == mem::discriminant(last);
    match last {
        Block::ToolCall(_) => 1,
        _ => before.iter().rev().take_while(alike).count(),
    }
}

/// How much of each text was read.
#[derive(Default)]
struct Texts {
    text: usize,
    reasoning: usize,
    refusal: usize,
}

impl Texts {
    fn next<'a>(&mut self, segment: &Segment, contents: Contents<'a>) -> Option<&'a str> {
        let (read, text, length) = match segment {
            Segment::Text(length) => (&mut self.text, contents.text, length),
            Segment::Reasoning(length, _) => (&mut self.reasoning, contents.reasoning, length),
            Segment::Refusal(length) => (&mut self.refusal, contents.refusal, length),
            Segment::ToolCall(_) | Segment::Native(_) | Segment::Boundary => return None,
        };
        let start = *read;
        *read += length;
        text.get(start..*read)
    }

    fn are_whole(&self, contents: Contents<'_>) -> bool {
        (self.text, self.reasoning, self.refusal)
            == (contents.text.len(), contents.reasoning.len(), contents.refusal.len())
    }
}
