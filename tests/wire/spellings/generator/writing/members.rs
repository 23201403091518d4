//! The order of members, members that are repeated, and members that nobody knows.

use super::{Axis, Json, Random, axis};

axis! {
    Order { Given, Reversed, Shuffled }
}

axis! {
    /// A key that comes twice in an object: the last one counts.
    Repeats { None, SameValue, Null, OtherType, OtherNumber }
}

axis! {
    /// Members that no reader knows.
    Unknown { None, Plain, Nested, NotNumbers, OutOfRange, Deep }
}

type Members = Vec<(String, Json)>;

impl Order {
    pub(super) fn apply(self, members: &mut Members, random: &mut Random) {
        match self {
            Self::Given => {}
            Self::Reversed => members.reverse(),
            Self::Shuffled => {
                for at in (1..members.len()).rev() {
                    members.swap(at, random.below(at + 1));
                }
            }
        }
    }
}

impl Repeats {
    pub(super) fn apply(self, members: &mut Members, random: &mut Random) {
        if self == Self::None {
            return;
        }
        for at in (0..members.len()).rev() {
            // Most objects have a repetition, and most members have none.
            if random.below(members.len()) > 1 {
                continue;
            }
            let (key, value) = members[at].clone();
            let before = match (self, value) {
                (Self::SameValue | Self::None, value) => value,
                (Self::Null, _) => Json::NULL,
                (Self::OtherType, Json::Object(_)) => Json::List(vec![5.into(), "x".into()]),
                (Self::OtherType, Json::List(_)) => "x".into(),
                (Self::OtherType, Json::Text(_)) => Json::object([("x", 5.into())]),
                (Self::OtherType | Self::OtherNumber, _) => Json::Literal("-7.5e3".into()),
            };
            members.insert(random.below(at + 1), (key, before));
        }
    }
}

impl Unknown {
    pub(super) fn apply(self, members: &mut Members, random: &mut Random) {
        // A list of one or two, so that bodies stay short.
        if self == Self::None || random.one_in(2) {
            return;
        }
        let value = match self {
            Self::None | Self::Plain => {
                ["null", "true", "-1.5E-3", "\"\\u0041\"", "[]"][random.below(5)].to_owned()
            }
            Self::Nested => {
                r#"{"id":"no","choices":[{"delta":{"content":"no"}}],"error":null}"#.into()
            }
            Self::NotNumbers => {
                let all = ["NaN", "Infinity", "-Infinity", "[NaN,-Infinity]", "{\"p\":NaN}"];
                all[random.below(5)].to_owned()
            }
            Self::OutOfRange => ["1e400", "-1e400", "[1E+999]", "123456789012345678901234567890"]
                [random.below(4)]
            .to_owned(),
            Self::Deep => "[".repeat(60) + "{\"a\":[]}" + &"]".repeat(60),
        };
        let at = random.below(members.len() + 1);
        let name = ["x_unknown", "", "täg", "p"][random.below(4)];
        members.insert(at, (name.to_owned(), Json::Literal(value)));
    }
}
