use std::fmt;

use serde::Deserialize;

/// The types of runs other than model calls, one line each: variant, event mask, name, noun, and the methods of
/// handlers for start, end and error.
///
/// A new run type is one more line. The enum, the names of its events, its event masks and the methods of both
/// handler traits come from this table. It is passed to a macro, after the context that the caller adds.
macro_rules! with_run_types {
    ($callback:ident $(, $($context:tt)*)?) => {
        $callback! {
            [$($($context)*)?]
            Chain CHAIN "chain" "chain" on_chain_start on_chain_end on_chain_error;
            Tool TOOL "tool" "tool" on_tool_start on_tool_end on_tool_error;
            Retriever RETRIEVER "retriever" "retriever"
                on_retriever_start on_retriever_end on_retriever_error;
            Embedding EMBEDDING "embedding" "call of an embedding model"
                on_embedding_start on_embedding_end on_embedding_error;
            Rerank RERANK "rerank" "call of a model that ranks documents"
                on_rerank_start on_rerank_end on_rerank_error;
            Image IMAGE "image" "call of a model that makes images"
                on_image_start on_image_end on_image_error;
            Audio AUDIO "audio" "call of a model of speech"
                on_audio_start on_audio_end on_audio_error;
            Moderation MODERATION "moderation" "call of a model that moderates"
                on_moderation_start on_moderation_end on_moderation_error;
        }
    };
}

pub(crate) use with_run_types;

macro_rules! define {
    ([] $($variant:ident $mask:ident $name:literal $noun:literal $start:ident $end:ident $error:ident;)*) => {
        /// The kind of work that a run executes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum RunType {
            /// A call of a language model.
            Llm,
            $(
                #[doc = concat!("A ", $noun, ".")]
                $variant,
            )*
        }

        impl RunType {
            /// All run types.
            pub const ALL: &[RunType] = &[RunType::Llm, $(RunType::$variant),*];

            /// Returns the name of the type in an event record.
            pub fn as_str(self) -> &'static str {
                match self {
                    RunType::Llm => "llm",
                    $(RunType::$variant => $name,)*
                }
            }

            /// Returns the names of the start, end and error events.
            pub(crate) fn event_names(self) -> [&'static str; 3] {
                match self {
                    RunType::Llm => ["llm_start", "llm_end", "llm_error"],
                    $(RunType::$variant => {
                        [concat!($name, "_start"), concat!($name, "_end"), concat!($name, "_error")]
                    })*
                }
            }
        }
    };
}

with_run_types!(define);

impl fmt::Display for RunType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
