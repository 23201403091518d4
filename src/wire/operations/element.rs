use serde_json::{Map, Value};

/// The type of the numbers of a vector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::wire) enum Element {
    #[default]
    Float,
    /// A byte each.
    Byte,
    /// A bit each, eight in a number.
    Bit,
}

impl Element {
    /// Returns the type that the parameters of a request ask for, after the documentation of Mistral, Voyage and Jina.
    pub(in crate::wire) fn requested(params: &Map<String, Value>) -> Self {
        let names = ["output_dtype", "embedding_type", "dtype"];
        let mut asked = names.iter().filter_map(|name| params.get(*name)?.as_str());
        asked.find_map(Self::named).unwrap_or_default()
    }

    /// Returns the type of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "float" | "base64" => Self::Float,
            "int8" | "uint8" => Self::Byte,
            "binary" | "ubinary" => Self::Bit,
            _ => return None,
        })
    }

    /// Returns the dimensions of a vector that is sent as so many numbers.
    pub(super) fn of_numbers(self, count: u64) -> u64 {
        match self {
            Self::Bit => count.saturating_mul(8),
            Self::Float | Self::Byte => count,
        }
    }

    /// Returns the dimensions of a vector that is sent as so many characters of Base64, without padding.
    pub(super) fn of_base64(self, characters: u64) -> u64 {
        let bytes = characters.saturating_mul(3) / 4;
        match self {
            Self::Float => bytes / 4,
            Self::Byte => bytes,
            Self::Bit => bytes.saturating_mul(8),
        }
    }
}
