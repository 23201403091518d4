//! JSON values that know which of their numbers are counts and indexes, which some servers spell differently.

use serde_json::Value;

#[derive(Debug, Clone)]
pub enum Json {
    /// Written as it is.
    Literal(String),
    Text(String),
    /// A number of tokens.
    Count(u64),
    /// A position in a list.
    Index(u64),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
    /// Data of a user, such as arguments: nothing may be added to it.
    Data(Value),
}

impl Json {
    /// An empty literal stands for null, since a constant cannot own text.
    pub const NULL: Self = Self::Literal(String::new());

    pub fn object<'k>(members: impl IntoIterator<Item = (&'k str, Self)>) -> Self {
        Self::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Adds a member to an object.
    pub fn with(mut self, key: &str, value: impl Into<Self>) -> Self {
        self.add(key, value);
        self
    }

    /// Adds a member to an object.
    pub fn add(&mut self, key: &str, value: impl Into<Self>) {
        match self {
            Self::Object(members) => members.push((key.to_owned(), value.into())),
            other => panic!("the member {key} is added to {other:?}, which is no object"),
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Json {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Literal(value.to_string())
    }
}

impl From<i32> for Json {
    fn from(value: i32) -> Self {
        Self::Literal(value.to_string())
    }
}

impl From<Vec<Json>> for Json {
    fn from(all: Vec<Json>) -> Self {
        Self::List(all)
    }
}

impl<const N: usize> From<[Json; N]> for Json {
    fn from(all: [Json; N]) -> Self {
        Self::List(all.into())
    }
}

/// An object: `object! { "key": value, … }`. [`Json`] must be in scope.
macro_rules! object {
    ($($key:literal : $value:expr),* $(,)?) => {
        Json::object([
            $(($key, Json::from($value))),*
        ])
    };
}

pub(super) use object;
