use serde_json::Value;

/// More items than an answer sensibly has; a bound on what a stream can make us hold.
const MAX_ITEMS: usize = 1024;
/// Longer than any id by far; likewise.
const MAX_ID: usize = 256;

/// What was told, so that nothing is told again when the stream repeats it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) text: bool,
    pub(super) refusal: bool,
    pub(super) reasoning: bool,
    /// Of an item: its arguments. Of an answer: any call.
    pub(super) call: bool,
}

/// Which of the two texts of a reasoning item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reasoning {
    Summary,
    Raw,
}

/// What kind of an item it is, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its opening was not seen, as where a stream is resumed in its midst.
    Unknown,
    /// A call of the caller's own tool: the tool call's index.
    Call(u32),
    Other,
}

/// What is known of an item.
#[derive(Debug)]
pub(super) struct Known {
    index: Option<u64>,
    id: Option<Box<str>>,
    pub(super) kind: Kind,
    /// Whether the name and the id of a call were told.
    pub(super) named: bool,
    /// The text that stands for the item's reasoning: the one that came first.
    pub(super) reasoning: Option<Reasoning>,
    pub(super) told: Told,
    /// Whether it was announced, and its end has not come.
    pub(super) open: bool,
    pub(super) done: bool,
}

/// How an event names an item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    index: Option<u64>,
    id: Option<&'a str>,
}

impl<'a> Key<'a> {
    pub(super) fn new(index: &Value, id: Option<&'a str>) -> Self {
        let id = id.filter(|id| !id.is_empty() && id.len() <= MAX_ID);
        Self { index: index.as_u64(), id }
    }
}

/// The items of an answer.
#[derive(Debug, Default)]
pub(super) struct Items {
    known: Vec<Known>,
    /// There were too many. What is not known may have been told, so it is not told again.
    forgot: bool,
}

impl Items {
    /// An item is announced.
    pub(super) fn open(&mut self, key: Key<'_>) -> &mut Known {
        let known = self.add(key);
        known.open = true;
        known
    }

    /// The item that an event is about, which becomes known by that if need be; none where it may
    /// have been forgotten.
    pub(super) fn get(&mut self, key: Key<'_>) -> Option<&mut Known> {
        if let Some(at) = self.find(key) {
            return Some(&mut self.known[at]);
        }
        if let Some(at) = self.nameless() {
            // Its deltas did not say which item they belong to.
            let known = &mut self.known[at];
            (known.index, known.id) = (key.index, key.id.map(Into::into));
            return Some(known);
        }
        (!self.forgot).then(|| self.add(key))
    }

    /// Whether an item that was announced has not ended.
    pub(super) fn any_open(&self) -> bool {
        self.known.iter().any(|item| item.open)
    }

    /// By place first: there are gateways whose ids change from event to event.
    fn find(&self, key: Key<'_>) -> Option<usize> {
        let last = |is: &dyn Fn(&Known) -> bool| self.known.iter().rposition(is);
        let named = |item: &Known| key.id.is_some() && item.id.as_deref() == key.id;
        match key {
            Key { index: None, id: None } => last(&|item| !item.done),
            Key { index: None, .. } => last(&named),
            Key { index, .. } => last(&|item| item.index == index)
                .or_else(|| last(&|item| item.index.is_none() && named(item))),
        }
    }

    fn nameless(&self) -> Option<usize> {
        let nameless = |item: &Known| item.index.is_none() && item.id.is_none() && !item.done;
        self.known.iter().rposition(nameless)
    }

    fn add(&mut self, key: Key<'_>) -> &mut Known {
        if self.known.len() == MAX_ITEMS {
            let oldest = self.known.iter().position(|item| item.done).unwrap_or(0);
            self.known.remove(oldest);
            self.forgot = true;
        }
        self.known.push(Known {
            index: key.index,
            id: key.id.map(Into::into),
            kind: Kind::Unknown,
            named: false,
            reasoning: None,
            told: Told::default(),
            open: false,
            done: false,
        });
        let last = self.known.len() - 1;
        &mut self.known[last]
    }
}
