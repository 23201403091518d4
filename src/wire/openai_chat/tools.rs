use super::mark::Mark;

/// More tool calls than an answer can sensibly have in all its choices; a bound on what a stream can
/// make us hold.
const MAX_CALLS: usize = 1024;

/// The tool calls of a choice, in the order in which they were opened: which one a fragment belongs to.
#[derive(Debug, Default)]
pub(super) struct Tools(Vec<Tool>);

#[derive(Debug)]
struct Tool {
    key: u64,
    id: Option<Mark>,
    named: bool,
}

/// Where a fragment belongs, and what of it is new.
pub(super) struct Place {
    pub(super) call: u32,
    pub(super) opens: bool,
    pub(super) new_id: bool,
    pub(super) new_name: bool,
}

/// What a fragment tells of its call.
pub(super) struct Fragment<'a> {
    /// The provider's index.
    pub(super) index: Option<u64>,
    /// Where among the fragments of its chunk it is.
    pub(super) position: usize,
    pub(super) id: Option<&'a str>,
    /// Whether it has a name.
    pub(super) named: bool,
}

impl Tools {
    /// None where there are too many calls: `known` is how many there are in all choices.
    pub(super) fn place(&mut self, fragment: &Fragment<'_>, known: &mut usize) -> Option<Place> {
        let id = fragment.id.map(Mark::of);
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
        Some(Place { call: u32::try_from(at).ok()?, opens, new_id, new_name })
    }

    fn find(&self, fragment: &Fragment<'_>, key: u64, id: Option<Mark>) -> Option<usize> {
        let by_key = || self.0.iter().rposition(|tool| tool.key == key);
        match (fragment.index, id) {
            // Gemini's calls all have the index 0. A new id alone opens none: vLLM had one for each
            // fragment.
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
