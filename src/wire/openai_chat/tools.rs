use std::hash::{DefaultHasher, Hash, Hasher};

/// More tool calls than an answer has in all its choices. Bounds the memory of a stream.
const MAX_CALLS: usize = 1024;

/// The tool calls of a choice, in the order in which they were opened. Assigns fragments to calls.
#[derive(Debug, Default)]
pub(super) struct Tools(Vec<Tool>);

#[derive(Debug)]
struct Tool {
    key: u64,
    id: Option<WordHash>,
    named: bool,
}

/// The call that a fragment belongs to, and which members of the fragment are new.
pub(super) struct Placement {
    pub(super) call: u32,
    pub(super) opens: bool,
    pub(super) new_id: bool,
    pub(super) new_name: bool,
}

/// The members of a fragment that identify its call.
pub(super) struct Fragment<'a> {
    /// The provider's index.
    pub(super) index: Option<u64>,
    /// The position among the fragments of the chunk.
    pub(super) position: usize,
    pub(super) id: Option<&'a str>,
    /// Whether the fragment has a name.
    pub(super) named: bool,
}

/// The hash of a word that is only compared, so that long words use no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WordHash(u64);

impl WordHash {
    pub(super) fn new(word: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Tools {
    /// Assigns a fragment to a call. Returns `None` if there are too many calls; `known` is the number of calls in
    /// all choices.
    pub(super) fn place(
        &mut self,
        fragment: &Fragment<'_>,
        known: &mut usize,
    ) -> Option<Placement> {
        let id = fragment.id.map(WordHash::new);
        let position = u64::try_from(fragment.position).unwrap_or(u64::MAX);
        let key = fragment.index.unwrap_or(position);
        let (at, opens) = match self.find(fragment, key, id) {
            Some(at) => (at, false),
            None if *known == MAX_CALLS => return None,
            None => {
                *known += 1;
                self.0.push(Tool { key, id: None, named: false });
                (self.0.len() - 1, true)
            }
        };
        let tool = &mut self.0[at];
        let new_id = id.is_some() && tool.id.is_none();
        let new_name = fragment.named && !tool.named;
        tool.id = tool.id.or(id);
        tool.named |= fragment.named;
        Some(Placement { call: u32::try_from(at).ok()?, opens, new_id, new_name })
    }

    fn find(&self, fragment: &Fragment<'_>, key: u64, id: Option<WordHash>) -> Option<usize> {
        let by_key = || self.0.iter().rposition(|tool| tool.key == key);
        match (fragment.index, id) {
            // Gemini's calls all have index 0. A new id alone does not open a call: vLLM sent a new one with
            // each fragment.
            (Some(_), id) => by_key().filter(|&at| {
                let tool = &self.0[at];
                let other = id.is_some() && tool.id.is_some() && id != tool.id;
                !(other && fragment.named && tool.named)
            }),
            (None, Some(_)) => self.0.iter().rposition(|tool| tool.id == id),
            (None, None) => by_key()
                .or(self.0.len().checked_sub(1))
                .filter(|&at| !(fragment.named && self.0[at].named)),
        }
    }
}
