use super::{
    chunk::PartialArg,
    json_path::{Step, steps},
};

/// The cost of a value besides its text. Bounds the number of values.
const NODE_COST: usize = 4096;

/// The arguments of a call, assembled from fragments with a JSON path each: one JSON object, its members in the
/// order of their first fragment.
#[derive(Debug, Default)]
pub(super) struct PartialArguments {
    root: Node,
    /// The cost of all fragments.
    cost: usize,
}

#[derive(Debug)]
enum Node {
    /// A JSON text.
    Value(Box<str>),
    /// A string, and whether more of it follows.
    Text(String, bool),
    Object(Vec<(Box<str>, Node)>),
    Array(Vec<Node>),
}

impl Default for Node {
    fn default() -> Self {
        Node::Object(Vec::new())
    }
}

impl PartialArguments {
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Adds a fragment at its path and subtracts its cost from `room`. Returns false if the path is invalid or
    /// the cost exceeds `room`.
    #[must_use]
    pub(super) fn put(&mut self, piece: PartialArg<'_>, room: &mut usize) -> bool {
        let Some(steps) = piece.json_path.as_deref().and_then(steps) else { return false };
        let more = piece.will_continue == true;
        let text = piece.string_value.into_inner();
        let value = [piece.number_value, piece.bool_value].into_iter().flatten().next();
        let length = match (&text, value, piece.null_value) {
            (Some(text), _, _) => text.len(),
            (_, Some(value), _) => value.get().len(),
            // An empty string may be omitted.
            (_, _, None) if more => 0,
            _ => 4,
        };
        let cost = self.root.new_nodes(&steps).saturating_mul(NODE_COST).saturating_add(length);
        let Some(left) = room.checked_sub(cost) else { return false };
        self.cost += *room - left;
        *room = left;
        let node = self.root.at(steps);
        match (text, value) {
            (Some(text), _) => match node {
                Node::Text(before, open @ true) => {
                    before.push_str(&text);
                    *open = more;
                }
                node => *node = Node::Text(text.into_owned(), more),
            },
            (None, Some(value)) => *node = Node::Value(value.get().into()),
            (None, None) => match node {
                Node::Text(_, open @ true) if piece.null_value.is_none() => *open = more,
                node if more => *node = Node::Text(String::new(), true),
                node => *node = Node::Value("null".into()),
            },
        }
        true
    }

    pub(super) fn into_json(self) -> String {
        let mut json = String::new();
        self.root.write(&mut json);
        json
    }
}

impl Node {
    /// Returns the number of nodes missing on the path.
    fn new_nodes(&self, steps: &[Step<'_>]) -> usize {
        let Some((first, rest)) = steps.split_first() else { return 0 };
        let (next, gap) = match (self, first) {
            (Node::Object(members), Step::Member(name)) => {
                let known = members.iter().rev().find(|(other, _)| **other == **name);
                (known.map(|(_, node)| node), 0)
            }
            (Node::Array(items), Step::Item(index)) => {
                (items.get(*index), index.saturating_sub(items.len()))
            }
            (_, Step::Item(index)) => (None, *index),
            (_, Step::Member(_)) => (None, 0),
        };
        match next {
            Some(node) => node.new_nodes(rest),
            // Below a missing node all others are missing too.
            None => Node::Array(Vec::new()).new_nodes(rest).saturating_add(gap).saturating_add(1),
        }
    }

    /// Returns the node at the end of the path, creating missing nodes.
    fn at(&mut self, steps: Vec<Step<'_>>) -> &mut Node {
        let mut node = self;
        for step in steps {
            node = match step {
                Step::Member(name) => {
                    if !matches!(node, Node::Object(_)) {
                        *node = Node::Object(Vec::new());
                    }
                    let Node::Object(members) = node else { unreachable!() };
                    let at = members.iter().rposition(|(other, _)| **other == *name);
                    let at = at.unwrap_or_else(|| {
                        members.push((name.into(), Node::default()));
                        members.len() - 1
                    });
                    &mut members[at].1
                }
                Step::Item(index) => {
                    if !matches!(node, Node::Array(_)) {
                        *node = Node::Array(Vec::new());
                    }
                    let Node::Array(items) = node else { unreachable!() };
                    while items.len() <= index {
                        items.push(Node::Value("null".into()));
                    }
                    &mut items[index]
                }
            };
        }
        node
    }

    fn write(&self, json: &mut String) {
        match self {
            Node::Value(value) => json.push_str(value),
            Node::Text(text, _) => write_text(text, json),
            Node::Object(members) => {
                json.push('{');
                for (at, (name, node)) in members.iter().enumerate() {
                    json.push_str(if at == 0 { "" } else { "," });
                    write_text(name, json);
                    json.push(':');
                    node.write(json);
                }
                json.push('}');
            }
            Node::Array(items) => {
                json.push('[');
                for (at, node) in items.iter().enumerate() {
                    json.push_str(if at == 0 { "" } else { "," });
                    node.write(json);
                }
                json.push(']');
            }
        }
    }
}

fn write_text(text: &str, json: &mut String) {
    // A string can always be serialized.
    json.push_str(&serde_json::to_string(text).unwrap_or_default());
}
